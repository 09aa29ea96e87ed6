import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";

/** Each row n times, one after another: [B,…] → [B·n,…]. */
export function repeatEach(x: tf.Tensor, n: number): tf.Tensor {
  const [batch, ...rest] = x.shape as [number, ...number[]];
  return tf.tidy(() => x.expandDims(1).tile([1, n, ...rest.map(() => 1)]).reshape([batch * n, ...rest]));
}

/** A condition with each row n times; new tensors. */
export function repeatRows(condition: Condition, n: number): Condition {
  return Object.fromEntries(Object.entries(condition).map(([name, x]) => [name, repeatEach(x, n)]));
}
