import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
import { loadParams } from "../weights/checkpoint.ts";
import { type Config, expectClass, readConfig, readJsonObject } from "../weights/config.ts";
import { digitClassifier } from "./digit_classifier.ts";
import { dinov2 } from "./dinov2.ts";
import { dinov2Features, type FeatureExtractor, parseNormalisation } from "./feature_extractor.ts";
import { unet2DCondition } from "./unet2d_condition.ts";

/** A network with its weights; the weights are the caller's to dispose. */
export interface Loaded<M> {
  model: M;
  /** Weights by name, float32, convolutions HWIO. */
  params: Params;
  /** `config.json` as it is in the folder. */
  config: Config;
}

/**
 * Loads a network of an expected class from its folder.
 *
 * @param expected class name or names that its config may have
 * @param readParams reads the weights declared, where a class has other names in older checkpoints
 * @throws UserError for another model's config, unsupported values, and missing, unexpected or misshaped weights (all listed)
 */
export async function loadNetwork<M extends { declarations: Declarations }>(
  folder: string,
  expected: string | string[],
  build: (config: Config) => M,
  readParams: (folder: string, declarations: Declarations) => Promise<Params> = loadParams,
): Promise<Loaded<M>> {
  const config = await readConfig(folder);
  expectClass(config, expected, join(folder, "config.json"));
  const model = build(config);
  return { model, params: await readParams(folder, model.declarations), config };
}

/**
 * Loads a UNet2DConditionModel from a folder in diffusers' layout: `config.json` and
 * `diffusion_pytorch_model.safetensors` (or its `.fp16` variant, or shards).
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadUNet2DCondition } from "./load.ts";
 * await tf.setBackend("cpu");
 * const folder = fileURLToPath(new URL("../../tests/fixtures/unet_sd15", import.meta.url));
 * const { model, params } = await loadUNet2DCondition(folder);
 * console.log(model.config.block_out_channels, params["conv_in.weight"]!.shape); // [ 32, 32 ] [ 3, 3, 4, 32 ]
 * ```
 *
 * @param folder of the network itself: the `unet` folder of a pipeline
 * @throws UserError for another model's config, unsupported values, and missing, unexpected or misshaped weights (all listed)
 */
export function loadUNet2DCondition(folder: string): Promise<Loaded<ReturnType<typeof unet2DCondition>>> {
  return loadNetwork(folder, "UNet2DConditionModel", unet2DCondition);
}

/** Loads the evaluation network of the digits; errors as `loadUNet2DCondition`. */
export function loadDigitClassifier(folder: string): Promise<Loaded<ReturnType<typeof digitClassifier>>> {
  return loadNetwork(folder, "DigitClassifier", digitClassifier);
}

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
  const normalise = parseNormalisation(await preprocessorConfig(folder));
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

async function preprocessorConfig(folder: string): Promise<Config> {
  try {
    return await readJsonObject(join(folder, "preprocessor_config.json"), "");
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}
