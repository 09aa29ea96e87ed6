import * as tf from "@tensorflow/tfjs";
import type { Condition } from "./denoiser.ts";

/** Batches one after the other, as one batch; a single one comes back itself. */
export function joinBatches(batches: readonly tf.Tensor[]): tf.Tensor {
  return batches.length === 1 ? batches[0]! : tf.concat(batches as tf.Tensor[], 0);
}

/** The conditions of `joinBatches`. */
export function joinConditions(conditions: readonly Condition[]): Condition {
  const names = Object.keys(conditions[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, joinBatches(conditions.map((c) => c[name]!))]));
}

/** What `joinBatches` joined, apart again: as many samples as each of `like` has. */
export function splitBatch(joined: tf.Tensor, like: readonly tf.Tensor[]): tf.Tensor[] {
  return like.length === 1 ? [joined] : tf.split(joined, like.map(({ shape }) => shape[0]!), 0);
}
