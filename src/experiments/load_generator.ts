import { spaceToDepth } from "../models/autoencoder.ts";
import { loadUNet2DCondition } from "../models/load.ts";
import { unetDenoiser } from "../models/unet_denoiser.ts";
import { samplerFromConfig } from "../sampling/from_config.ts";
import { noiseSchedule } from "../sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../sampling/scheduler_config.ts";
import { compiledGenerator, type Generator } from "./generate.ts";
import { SAMPLER_CLASSES, type SamplerName } from "./sampler_names.ts";

export interface GeneratorSource {
  /** Folder of the UNet, in diffusers' layout. */
  unet: string;
  /** `scheduler_config.json` or its folder; default: the UNet's folder. */
  scheduler?: string;
  sampler: { name: SamplerName; steps: number; guidance_scale: number };
}

/** Loads a class-conditional model on space-to-depth latents, ready to sample. */
export async function loadGenerator(
  { unet, scheduler = unet, sampler }: GeneratorSource,
): Promise<Generator> {
  const { model, params } = await loadUNet2DCondition(unet);
  const config = await readSchedulerConfig(scheduler);
  const { sample_size, cross_attention_dim } = model.config, pixels = sample_size * 2;
  return compiledGenerator({
    denoiser: unetDenoiser(model, noiseSchedule(config).predictionType),
    params,
    autoencoder: spaceToDepth(2),
    sampler: samplerFromConfig({ ...config, _class_name: SAMPLER_CLASSES[sampler.name] }, sampler.steps),
    guidanceScale: sampler.guidance_scale,
    classes: cross_attention_dim - 1,
    size: [pixels, pixels],
  });
}
