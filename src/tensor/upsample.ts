import * as tf from "@tensorflow/tfjs";

/**
 * Nearest-neighbour enlargement by two of x [B,H,W,C] → [B,2H,2W,C]; its gradient sums each 2×2 block.
 * (tfjs's own resizeNearestNeighbor has a wrong gradient on one engine and none under XLA on CPU.)
 */
export function upsample2x(x: tf.Tensor): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const rows = tf.concat([1, 1].map(() => x.reshape([batch * height, 1, width, channels])), 1);
  const all = rows.reshape([batch * 2 * height * width, 1, channels]);
  return tf.concat([all, all], 1).reshape([batch, 2 * height, 2 * width, channels]);
}
