import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { readJsonIfThere } from "../../weights/config.ts";
import type { Backbone } from "../backbone.ts";
import { parseNormalisation } from "../feature_extractor.ts";
import { loadNetwork } from "../loaded.ts";
import { dinov2Features, dinov2OfClass } from "./features.ts";

const CLASSES = ["Dinov2Model", "dinov2", "Dinov2WithRegistersModel", "dinov2_with_registers"];

/**
 * Loads a Dinov2Model or a Dinov2WithRegistersModel in transformers' layout as a feature extractor on the given blocks,
 * with the normalisation of the folder's `preprocessor_config.json` (ImageNet's without one).
 *
 * @param blocks counted from 0; one grid for each, in this order
 * @throws UserError as `loadUNet2DCondition`, and for blocks that the network does not have
 */
export async function loadDinov2Features(folder: string, blocks: readonly number[]): Promise<Backbone> {
  const normalise = parseNormalisation(await readJsonIfThere(join(folder, "preprocessor_config.json")) ?? {});
  const { model, params, config } = await loadNetwork(folder, CLASSES, dinov2OfClass);
  try {
    const extractorOf: Backbone["extractorOf"] = (weights) =>
      dinov2Features(config, weights, { blocks, normalise });
    const extractor = extractorOf(params);
    return { extractor, extractorOf, channels: blocks.map(() => model.config.hidden_size), params };
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
}
