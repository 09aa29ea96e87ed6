import { join } from "node:path";
import type { Declarations } from "../nn/declare.ts";
import type { Params } from "../tensor/params.ts";
import { loadParams } from "../weights/checkpoint.ts";
import { type Config, expectClass, readConfig } from "../weights/config.ts";

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
