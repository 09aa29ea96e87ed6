import * as tf from "@tensorflow/tfjs";
import { uniform } from "../runtime/random.ts";
import type { Condition } from "../sampling/denoiser.ts";

/**
 * Leaves the condition out for a share of the samples, so that classifier-free guidance has something to lead away from (Ho
 * & Salimans 2022, algorithm 1). What the null condition does not name, as numbers about an image's size, stays.
 *
 * @param condition batch B; stays the caller's
 * @param nullCondition of no text or class, batch B or 1; stays the caller's
 * @param draw share of the samples, and what keys which: seed, and number of the update
 * @returns new tensors
 */
export function dropCondition(
  condition: Condition,
  nullCondition: Condition,
  { share, seed, step }: { share: number; seed: number; step: number },
): Condition {
  const [first] = Object.values(condition);
  return tf.tidy(() => {
    const keeps = first && share > 0
      ? uniform({ seed, purpose: "condition dropout", step, sample: 0 }, first.shape[0]!).map((u) =>
        u >= share ? 1 : 0
      )
      : undefined;
    const kept = keeps && tf.tensor1d(keeps, "bool");
    const entries = Object.entries(condition).map(([name, x]) => {
      const none = nullCondition[name];
      if (!kept || !none) return [name, x.clone()];
      return [name, tf.where(kept.reshape([-1, ...x.shape.slice(1).map(() => 1)]), x, none)];
    });
    return Object.fromEntries(entries);
  });
}
