import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import { resize } from "../../tensor/resize.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import type { Backbone } from "../backbone.ts";
import {
  type FeatureExtractor,
  type Normalisation,
  normalise,
  parseNormalisation,
} from "../feature_extractor.ts";
import { loadNetwork } from "../loaded.ts";
import type { Model } from "../model.ts";
import { loadTransformersParams } from "../transformers_params.ts";
import { type ClipVisionInputs, type ClipVisionOutputs, clipVisionWithProjection } from "./vision.ts";
import type { ClipVisionConfig } from "./vision_config.ts";

/** Channel statistics that CLIP was trained with. */
export const clipNormalisation: Normalisation = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

/**
 * Patch grids of a CLIPVisionModelWithProjection's layers: their outputs without the class token. Images are first resized
 * (antialiased) to the size that the network was trained at, for its position table has that size.
 *
 * @throws UserError for a layer that the network does not have
 */
export function clipVisionFeatures(
  model: Model<ClipVisionConfig, ClipVisionInputs, ClipVisionOutputs>,
  params: Params,
  { blocks, normalise: statistics }: { blocks: readonly number[]; normalise: Normalisation },
): FeatureExtractor {
  const { image_size, patch_size, num_hidden_layers, hidden_size } = model.config;
  if (blocks.length === 0 || blocks.some((i) => !Number.isInteger(i) || i < 0 || i >= num_hidden_layers)) {
    throw new UserError(
      `blocks [${blocks}]: expected some of 0 to ${
        num_hidden_layers - 1
      }, the layers of this CLIP vision encoder`,
    );
  }
  const side = Math.floor(image_size / patch_size);
  return {
    patchGrids(images) {
      const pixel_values = normalise(resize(images, [image_size, image_size]), statistics);
      const { hidden_states } = model.forward(params, { pixel_values });
      return blocks.map((i) =>
        hidden_states[i + 1]!.slice([0, 1, 0], [-1, side * side, hidden_size])
          .reshape<tf.Tensor4D>([images.shape[0]!, side, side, hidden_size])
      );
    },
  };
}

/**
 * Loads a CLIPVisionModelWithProjection in transformers' layout as a feature extractor on the given layers, with the
 * normalisation of the folder's `preprocessor_config.json` (CLIP's without one).
 *
 * @param blocks counted from 0; one grid for each, in this order
 * @throws UserError as `loadUNet2DCondition`, and for layers that the network does not have
 */
export async function loadClipVisionFeatures(folder: string, blocks: readonly number[]): Promise<Backbone> {
  const preprocessor = await readJsonIfThere(join(folder, "preprocessor_config.json")) ?? {};
  const options = { blocks, normalise: parseNormalisation(preprocessor, clipNormalisation) };
  const { model, params } = await loadNetwork(
    folder,
    ["CLIPVisionModelWithProjection", "clip_vision_model"],
    clipVisionWithProjection,
    loadTransformersParams,
  );
  try {
    const extractorOf: Backbone["extractorOf"] = (weights) => clipVisionFeatures(model, weights, options);
    const extractor = extractorOf(params);
    return { extractor, extractorOf, channels: blocks.map(() => model.config.hidden_size), params };
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
}
