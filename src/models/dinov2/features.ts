import * as tf from "@tensorflow/tfjs";
import { UserError } from "../../runtime/errors.ts";
import { layerNorm } from "../../tensor/layer_norm.ts";
import type { Params } from "../../tensor/params.ts";
import { resize } from "../../tensor/resize.ts";
import { classOf } from "../../weights/config.ts";
import {
  type FeatureExtractor,
  imagenetNormalisation,
  type Normalisation,
  normalise,
} from "../feature_extractor.ts";
import { type Dinov2, dinov2, dinov2WithRegisters } from "./dinov2.ts";

export interface Dinov2FeatureOptions {
  /** Which transformer blocks to look at, counted from 0; a block's grid is its output. */
  blocks: readonly number[];
  normalise?: Normalisation;
}

/** The network of the class that a config names: with registers, or a Dinov2Model. */
export function dinov2OfClass(config: Record<string, unknown>): Dinov2 {
  return classOf(config) === "Dinov2WithRegistersModel" ? dinov2WithRegisters(config) : dinov2(config);
}

/**
 * Patch grids of a Dinov2Model's or a Dinov2WithRegistersModel's blocks, as transformers' Dinov2Backbone gives them: without
 * [CLS] and registers, and through the final layer norm unless `apply_layernorm` is false in the config. Images whose sides
 * are no multiple of the patch size are first resized (antialiased) to the nearest multiple.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { dinov2 } from "./dinov2.ts";
 * import { dinov2Features } from "./features.ts";
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
  const model = dinov2OfClass(config), c = model.config;
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
        const tokens = norm(hidden_states[i + 1]!), first = 1 + c.num_register_tokens;
        return tokens.slice([0, first, 0], [batch, tokens.shape[1]! - first, c.hidden_size])
          .reshape([batch, size[0] / c.patch_size, size[1] / c.patch_size, c.hidden_size]) as tf.Tensor4D;
      });
    },
  };
}
