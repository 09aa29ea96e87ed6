import * as tf from "@tensorflow/tfjs";
import { denoiserOf } from "../../pipelines/assemble.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { Params } from "../../tensor/params.ts";
import { samplerSettings } from "../generate/load_generator.ts";
import type { PipelineSamplingOptions } from "../generate/open_pipeline.ts";
import type { PipelineTuneConfig } from "./config.ts";
import type { Tuning } from "./tuning.ts";

/** A pipeline that is tuned. */
export interface TunedPipeline {
  pipeline: Pipeline;
  /** All weights of the denoiser, of the tuned ones. */
  params(weights: tf.Tensor): Params;
  /** The same before the tuning, of which `params` may hold some. */
  base: Params;
}

/** The pipeline of a tuning that has one. */
export const tunedPipeline = ({ pipeline, setup }: Tuning): TunedPipeline => ({
  pipeline: pipeline!,
  params: setup.params,
  base: setup.base!(),
});

/** Uses the pipeline as it would be if the tuning ended with these averaged weights. */
export async function withAveraged<T>(
  { pipeline, params, base }: TunedPipeline,
  average: tf.Tensor1D,
  use: (pipeline: Pipeline) => Promise<T>,
): Promise<T> {
  const weights = tf.tidy(() => params(average)), denoiser = denoiserOf(pipeline.className);
  const averaged: Pipeline = {
    ...pipeline,
    generate: (options) => pipeline.generate({ ...options, weights: { [denoiser]: weights } }),
  };
  try {
    return await use(averaged);
  } finally {
    tf.dispose(Object.entries(weights).flatMap(([name, x]) => x === base[name] ? [] : [x]));
  }
}

/** How a tuning's pipeline is sampled on the way: as the roll-outs, unless told otherwise. */
export function samplingOnTheWay(
  { sampler, data }: PipelineTuneConfig,
  { steps, guidance_scale }: { steps?: number | undefined; guidance_scale?: number | undefined },
): PipelineSamplingOptions {
  const settings = samplerSettings(guidance_scale === undefined ? sampler : { ...sampler, guidance_scale });
  return {
    sampler: settings.name,
    steps: steps ?? settings.steps,
    guidanceScale: settings.guidance_scale,
    ...data.kind === "folder" && { size: data.resolution },
  };
}
