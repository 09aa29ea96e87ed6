import * as tf from "@tensorflow/tfjs";
import type { GuidanceRange } from "../../adt/guidance_scale.ts";
import { spaceToDepth } from "../../models/autoencoder.ts";
import { unetDenoiser } from "../../models/unet2d_condition/denoiser.ts";
import { loadUNet2DCondition } from "../../models/unet2d_condition/load.ts";
import { fittingSampler } from "../../sampling/fitting_sampler.ts";
import { samplerFromConfig } from "../../sampling/from_config.ts";
import { noiseSchedule } from "../../sampling/noise_schedule.ts";
import { SAMPLER_CLASSES, type SamplerName } from "../../sampling/sampler_names.ts";
import { readSchedulerConfig } from "../../sampling/scheduler_config.ts";
import { compile } from "../../tensor/compile.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Generator } from "./generate.ts";

/** How a model is sampled. */
export interface SamplerSettings {
  name: SamplerName;
  steps: number;
  /** Classifier-free guidance; 1 is none. */
  guidance_scale: number;
}

/** How roll-outs run. */
export interface RollOutSettings {
  name: SamplerName;
  steps: number;
  /** w of classifier-free guidance, 1 is none; a range is drawn from anew for each roll-out. */
  guidance_scale: number | GuidanceRange;
}

/**
 * Samples as roll-outs run.
 *
 * @throws UserError where these have no one guidance scale
 */
export function samplerSettings({ guidance_scale, ...sampler }: RollOutSettings): SamplerSettings {
  if (typeof guidance_scale === "number") return { ...sampler, guidance_scale };
  throw new UserError(
    "sampler.guidance_scale is a range, which roll-outs draw from; say at which scale to sample (in a study: " +
      "evaluate.guidance_scales)",
  );
}

export interface GeneratorSource {
  /** Folder of the UNet, in diffusers' layout. */
  unet: string;
  /** `scheduler_config.json` or its folder; default: the UNet's folder. */
  scheduler?: string;
  sampler: RollOutSettings;
}

/** A model in memory, its network compiled. */
export interface LoadedGenerator extends Generator {
  /** The same weights sampled in another way; disposed with this one. */
  sampledBy(sampler: SamplerSettings): Generator;
  /** Frees the weights and what was compiled. */
  dispose(): void;
}

/** Loads a class-conditional model on space-to-depth latents, ready to sample. */
export async function loadGenerator(
  { unet, scheduler = unet, sampler }: GeneratorSource,
): Promise<LoadedGenerator> {
  const { model, params } = await loadUNet2DCondition(unet);
  const config = await readSchedulerConfig(scheduler);
  const { sample_size, cross_attention_dim } = model.config, pixels = sample_size * 2;
  const denoiser = unetDenoiser(model, noiseSchedule(config).predictionType),
    forward = compile(denoiser.forward);
  const sampledBy = ({ name, steps, guidance_scale }: SamplerSettings): Generator => {
    const sampler = samplerFromConfig({ ...config, _class_name: SAMPLER_CLASSES[name] }, steps);
    return {
      denoiser: { ...denoiser, forward },
      params,
      autoencoder: spaceToDepth(2),
      sampler: fittingSampler(sampler, name, unet, denoiser.predictionType),
      guidanceScale: guidance_scale,
      classes: cross_attention_dim - 1,
      size: [pixels, pixels],
    };
  };
  const dispose = () => {
    forward.dispose();
    tf.dispose(params);
  };
  try {
    return { ...sampledBy(samplerSettings(sampler)), sampledBy, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
