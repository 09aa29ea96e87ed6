import * as tf from "@tensorflow/tfjs";
import type { FeatureExtractor } from "../models/feature_extractor.ts";

/** Added to the squared lengths of feature vectors, which may be 0. */
const EPS = 1e-10;

/**
 * Perceptual distance of images: at every place of a grid the squared distance of the two feature vectors, each brought to
 * length 1; the mean over places, images and grids. It is from 0 to 4. That is LPIPS (Zhang et al. 2018, eq. 1) with all
 * channels alike instead of learnt weights, and the mean over depths instead of their sum.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { perceptualLoss } from "./perceptual_loss.ts";
 * const pixels = { patchGrids: (images: tf.Tensor) => [images as tf.Tensor4D] };
 * const red = tf.tensor4d([1, 0, 0], [1, 1, 1, 3]), green = tf.tensor4d([0, 5, 0], [1, 1, 1, 3]);
 * console.log(perceptualLoss(pixels, red, green).arraySync()); // 2: they are at right angles
 * ```
 *
 * @param images [B,H,W,3] in [−1,1]; the result is differentiable in them
 * @param targets of the same shape
 * @returns scalar
 */
export function perceptualLoss(
  { patchGrids }: FeatureExtractor,
  images: tf.Tensor,
  targets: tf.Tensor,
): tf.Tensor {
  const expected = patchGrids(targets).map(unitVectors);
  const distances = patchGrids(images).map((grid, i) =>
    unitVectors(grid).sub(expected[i]!).square().sum(-1).mean()
  );
  return tf.stack(distances).mean();
}

/** [...,C], each vector brought to length 1. */
function unitVectors(grid: tf.Tensor): tf.Tensor {
  return grid.mul(grid.square().sum(-1, true).add(EPS).rsqrt());
}
