import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { readJsonIfThere } from "../../weights/config.ts";
import type { Backbone } from "../backbone.ts";
import { type Normalisation, parseNormalisation } from "../feature_extractor.ts";
import { loadNetwork } from "../loaded.ts";
import { efficientNetLite } from "./efficientnet_lite.ts";
import { efficientNetLiteFeatures } from "./features.ts";

/** (x − 127)/128 of pixels in 0 … 255, as the published EfficientNet-Lite models were trained with. */
const liteNormalisation: Normalisation = {
  mean: [127 / 255, 127 / 255, 127 / 255],
  std: [128 / 255, 128 / 255, 128 / 255],
};

/**
 * Loads an EfficientNetLite as a feature extractor on the given stages, with the normalisation of the folder's
 * `preprocessor_config.json` (the published models' without one).
 *
 * @param blocks stages, counted from 0; one grid for each, in this order
 * @throws UserError as `loadUNet2DCondition`, and for stages that the network does not have
 */
export async function loadEfficientNetLiteFeatures(
  folder: string,
  blocks: readonly number[],
): Promise<Backbone> {
  const preprocessor = await readJsonIfThere(join(folder, "preprocessor_config.json")) ?? {};
  const options = { blocks, normalise: parseNormalisation(preprocessor, liteNormalisation) };
  const { model, params } = await loadNetwork(folder, "EfficientNetLite", efficientNetLite);
  try {
    const extractorOf: Backbone["extractorOf"] = (weights) =>
      efficientNetLiteFeatures(model, weights, options);
    const extractor = extractorOf(params);
    return { extractor, extractorOf, channels: blocks.map((i) => model.config.hidden_sizes[i]!), params };
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
}
