import { openPipeline, type PipelineSamplingOptions, type PipelineSource } from "./open_pipeline.ts";
import { disposePrompts, encodePrompts, promptedImages } from "./prompted_images.ts";
import type { SampledImages } from "./sample_images.ts";

export interface SamplePipelineOptions extends PipelineSource, PipelineSamplingOptions {
  prompts: readonly string[];
  negative?: string;
  /** Images of each prompt. */
  n: number;
  seed: number;
  signal?: AbortSignal;
  /** Called after every image with all that there are by then, of how many. */
  onImage?(soFar: SampledImages, total: number): void | Promise<void>;
}

/**
 * Samples images from a pipeline, with LoRAs if any are given: the first image of each prompt, the second of each, … Image
 * k of every prompt starts from the same noise, that of seed + k, with any LoRAs.
 *
 * @throws UserError for a pipeline or LoRA that cannot be loaded, and as the pipeline's `generate`; the signal's reason
 */
export async function samplePipeline(options: SamplePipelineOptions): Promise<SampledImages> {
  using opened = new DisposableStack();
  const pipeline = opened.adopt(await openPipeline(options, true), (pipeline) => pipeline.dispose());
  const encoded = opened.adopt(await encodePrompts(pipeline, options.prompts, options), disposePrompts);
  return await promptedImages(pipeline, encoded, options);
}
