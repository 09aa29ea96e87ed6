import type { Architecture } from "./architecture.ts";
import { findPipeline, type HubOptions } from "./find_pipeline.ts";
import { type ModelIndex, readModelIndex } from "./model_index.ts";
import { makePipeline, type MemoryOptions, type Pipeline } from "./pipeline.ts";
import { stableDiffusion } from "./stable_diffusion.ts";
import { stableDiffusion3 } from "./stable_diffusion_3.ts";
import { stableDiffusionXL } from "./stable_diffusion_xl.ts";

export interface LoadPipelineOptions extends HubOptions, MemoryOptions {}

const ARCHITECTURES: Readonly<Record<string, (index: ModelIndex) => Promise<Architecture>>> = {
  StableDiffusionPipeline: stableDiffusion,
  StableDiffusionXLPipeline: stableDiffusionXL,
  StableDiffusion3Pipeline: stableDiffusion3,
};

/**
 * Opens a pipeline of diffusers: StableDiffusionPipeline, StableDiffusionXLPipeline or StableDiffusion3Pipeline (with T5
 * or without), as its `model_index.json` says. Configs and tokenizers are read and checked at once; weights are loaded,
 * tensor by tensor, when they are first needed.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { loadPipeline } from "./load_pipeline.ts";
 * await tf.setBackend("cpu");
 * const folder = fileURLToPath(new URL("../../tests/fixtures/pipeline_sd15", import.meta.url));
 * const pipeline = await loadPipeline(folder);
 * const images = await pipeline.generate({ prompt: "a photo of a cat", steps: 1, height: 8, width: 8, seed: 7 });
 * console.log(pipeline.className, images.shape); // StableDiffusionPipeline [ 1, 8, 8, 3 ]
 * pipeline.dispose();
 * ```
 *
 * @param source a folder in diffusers' layout; "mini-sd15" and "mini-sdxl", which are bundled; a single-file checkpoint of Stable Diffusion 1, SDXL, SD3 or SD3.5 in the
 * original names (`.safetensors`), which is converted once into this project's cache folder; or a repository of the Hugging
 * Face Hub, `owner/name`: taken from the local cache if it is there, otherwise downloaded to it
 * @throws UserError for a class or config value that is not supported, for components that are missing or do not belong
 * together, for tokenizers of another model, and for a repository that cannot be had
 */
export async function loadPipeline(source: string, options: LoadPipelineOptions = {}): Promise<Pipeline> {
  const index = await readModelIndex(await findPipeline(source, options));
  return makePipeline(index, await ARCHITECTURES[index.className]!(index), options);
}
