import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";

/** Patch features of images: what a discriminator or a metric looks at. */
export interface FeatureExtractor {
  /** Images [B,H,W,3] in [-1,1] → one grid [B,h,w,C] for each selected block. Differentiable in the images. */
  patchGrids(images: tf.Tensor): tf.Tensor4D[];
}

/** Mean and standard deviation per channel of pixels in [0,1], which the network expects removed. */
export interface Normalisation {
  mean: readonly number[];
  std: readonly number[];
}

/** Channel statistics of ImageNet, as the published DINOv2 models were trained with. */
export const imagenetNormalisation: Normalisation = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Reads `image_mean` and `image_std` of a folder's `preprocessor_config.json`; without them, the fallback's. */
export function parseNormalisation(
  preprocessor: Record<string, unknown>,
  otherwise: Normalisation = imagenetNormalisation,
): Normalisation {
  const channels = (key: "image_mean" | "image_std", fallback: readonly number[]) => {
    const value = preprocessor[key] ?? fallback;
    if (Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v))) return value;
    throw new UserError(`preprocessor_config.json: ${key}: expected 3 numbers, got ${quoted(value)}`);
  };
  return {
    mean: channels("image_mean", otherwise.mean),
    std: channels("image_std", otherwise.std),
  };
}

/** Images [B,H,W,3] in [-1,1] → pixels as the network was trained with: ((x+1)/2 − mean)/std. */
export function normalise(images: tf.Tensor, { mean, std }: Normalisation): tf.Tensor {
  const scale = std.map((s) => 0.5 / s), shift = mean.map((m, i) => (0.5 - m) / std[i]!);
  return images.mul(tf.tensor1d(scale)).add(tf.tensor1d(shift));
}
