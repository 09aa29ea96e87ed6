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
  return tf.tidy(() =>
    Object.fromEntries(
      Object.entries(condition).map(([name, x]) => {
        const none = nullCondition[name];
        if (share === 0 || !none) return [name, x.clone()];
        const draws = uniform({ seed, purpose: "condition dropout", step, sample: 0 }, x.shape[0]!);
        const kept = tf.tensor1d(Array.from(draws, (u) => u >= share), "bool");
        return [name, tf.where(kept.reshape([-1, ...x.shape.slice(1).map(() => 1)]), x, none)];
      }),
    )
  );
}
