import type * as tf from "@tensorflow/tfjs";

/**
 * A tensor as PyTorch's models have it → as the models here have it: images and latents, which are the tensors of rank
 * 4, from [B,C,H,W] to [B,H,W,C]; anything else is a copy. Differentiable.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fromNCHW } from "./image_layout.ts";
 * await tf.setBackend("cpu");
 * console.log(fromNCHW(tf.zeros([1, 4, 64, 96])).shape, fromNCHW(tf.zeros([2])).shape); // [1, 64, 96, 4] [2]
 * ```
 */
export function fromNCHW(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? x.transpose([0, 2, 3, 1]) : x.clone();
}

/** The way back: rank 4 from [B,H,W,C] to [B,C,H,W]; anything else is a copy. Differentiable. */
export function toNCHW(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? x.transpose([0, 3, 1, 2]) : x.clone();
}
