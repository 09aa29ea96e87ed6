import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Params } from "../../tensor/params.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { type FeatureExtractor, parseNormalisation } from "../feature_extractor.ts";
import { loadNetwork } from "../loaded.ts";
import { dinov2 } from "./dinov2.ts";
import { dinov2Features } from "./features.ts";

/** A backbone in memory. */
export interface Dinov2Extractor {
  extractor: FeatureExtractor;
  /** The same with other weights of the same names, e.g. to train them. */
  extractorOf(weights: Params): FeatureExtractor;
  /** Of each of its grids. */
  channels: number[];
  /** The weights that the extractor holds on to; the caller disposes them. */
  params: Params;
}

/**
 * Loads a Dinov2Model in transformers' layout as a feature extractor on the given blocks, with the normalisation of the
 * folder's `preprocessor_config.json` (ImageNet's without one).
 *
 * @param blocks counted from 0; one grid for each, in this order
 * @throws UserError as `loadUNet2DCondition`, and for blocks that the network does not have
 */
export async function loadDinov2Features(
  folder: string,
  blocks: readonly number[],
): Promise<Dinov2Extractor> {
  const normalise = parseNormalisation(await readJsonIfThere(join(folder, "preprocessor_config.json")) ?? {});
  const { model, params, config } = await loadNetwork(folder, ["Dinov2Model", "dinov2"], dinov2);
  try {
    const extractorOf = (weights: Params) => dinov2Features(config, weights, { blocks, normalise });
    const extractor = extractorOf(params);
    return { extractor, extractorOf, channels: blocks.map(() => model.config.hidden_size), params };
  } catch (error) {
    tf.dispose(params);
    throw error;
  }
}
