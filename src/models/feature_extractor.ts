import * as tf from "@tensorflow/tfjs";
import { layerNorm } from "../tensor/layer_norm.ts";
import type { Params } from "../tensor/params.ts";
import { resize } from "../tensor/resize.ts";
import { UserError } from "../runtime/errors.ts";
import { dinov2 } from "./dinov2.ts";

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

/** Reads `image_mean` and `image_std` of a folder's `preprocessor_config.json`; without them, ImageNet's. */
export function parseNormalisation(preprocessor: Record<string, unknown>): Normalisation {
  const channels = (key: "image_mean" | "image_std", fallback: readonly number[]) => {
    const value = preprocessor[key] ?? fallback;
    if (Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v))) return value;
    throw new UserError(`preprocessor_config.json: ${key}: expected 3 numbers, got ${JSON.stringify(value)}`);
  };
  return {
    mean: channels("image_mean", imagenetNormalisation.mean),
    std: channels("image_std", imagenetNormalisation.std),
  };
}

/** Images [B,H,W,3] in [-1,1] → pixels as the network was trained with: ((x+1)/2 − mean)/std. */
export function normalise(images: tf.Tensor, { mean, std }: Normalisation): tf.Tensor {
  const scale = std.map((s) => 0.5 / s), shift = mean.map((m, i) => (0.5 - m) / std[i]!);
  return images.mul(tf.tensor1d(scale)).add(tf.tensor1d(shift));
}

export interface Dinov2FeatureOptions {
  /** Which transformer blocks to look at, counted from 0; a block's grid is its output. */
  blocks: readonly number[];
  normalise?: Normalisation;
}

/**
 * Patch grids of a Dinov2Model's blocks, as transformers' Dinov2Backbone gives them: without [CLS], and through the final
 * layer norm unless `apply_layernorm` is false in the config. Images whose sides are no multiple of the patch size are
 * first resized (antialiased) to the nearest multiple.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { dinov2 } from "./dinov2.ts";
 * import { dinov2Features } from "./feature_extractor.ts";
 * const config = { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, image_size: 28, patch_size: 4 };
 * const params = initParams(dinov2(config).declarations, 0);
 * const extractor = dinov2Features(config, params, { blocks: [0, 1] });
 * console.log(extractor.patchGrids(tf.zeros([1, 28, 28, 3])).map((grid) => grid.shape)); // two of [1, 7, 7, 8]
 * ```
 *
 * @throws UserError for a block that the network does not have
 */
export function dinov2Features(
  config: Record<string, unknown>,
  params: Params,
  { blocks, normalise: statistics = imagenetNormalisation }: Dinov2FeatureOptions,
): FeatureExtractor {
  const model = dinov2(config), c = model.config;
  const unknown = blocks.filter((i) => !Number.isInteger(i) || i < 0 || i >= c.num_hidden_layers);
  if (unknown.length || blocks.length === 0) {
    throw new UserError(
      `blocks [${blocks}]: expected some of 0 to ${c.num_hidden_layers - 1}, the blocks of this Dinov2Model`,
    );
  }
  const norm = (tokens: tf.Tensor) =>
    c.apply_layernorm
      ? layerNorm(tokens, params["layernorm.weight"]!, params["layernorm.bias"]!, c.layer_norm_eps)
      : tokens;
  const multiple = (side: number) => Math.max(1, Math.round(side / c.patch_size)) * c.patch_size;
  return {
    patchGrids(images) {
      const [batch, height, width] = images.shape as [number, number, number, number];
      const size: [number, number] = [multiple(height), multiple(width)];
      const fitting = size[0] === height && size[1] === width ? images : resize(images, size);
      const { hidden_states } = model.forward(params, { pixel_values: normalise(fitting, statistics) });
      return blocks.map((i) => {
        const tokens = norm(hidden_states[i + 1]!), patches = tokens.shape[1]! - 1;
        return tokens.slice([0, 1, 0], [batch, patches, c.hidden_size])
          .reshape([batch, size[0] / c.patch_size, size[1] / c.patch_size, c.hidden_size]) as tf.Tensor4D;
      });
    },
  };
}
