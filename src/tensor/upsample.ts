import * as tf from "@tensorflow/tfjs";

/**
 * Nearest-neighbour enlargement by two; its gradient sums each 2×2 block.
 * (tfjs's own resizeNearestNeighbor has a wrong gradient on one engine and none under XLA on CPU.)
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { upsample2x } from "./upsample.ts";
 * await tf.setBackend("cpu");
 * console.log(upsample2x(tf.ones([1, 7, 7, 4])).shape); // [1, 14, 14, 4]
 * ```
 *
 * @param x [B,H,W,C]
 * @returns [B,2H,2W,C]
 */
export function upsample2x(x: tf.Tensor): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const rows = tf.concat([1, 1].map(() => x.reshape([batch * height, 1, width, channels])), 1);
  const all = rows.reshape([batch * 2 * height * width, 1, channels]);
  return tf.concat([all, all], 1).reshape([batch, 2 * height, 2 * width, channels]);
}
