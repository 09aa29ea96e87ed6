import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule, requireSignal } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { parseScheduler, setting } from "./scheduler_config.ts";
import { spacingSettings, wholeTimesteps } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("leading"),
  variance_type: setting(z.enum(["fixed_small", "fixed_small_log", "fixed_large"]), "fixed_small"),
  clip_sample: setting(z.boolean(), true),
  clip_sample_range: setting(z.number().gt(0), 1),
});

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2 with the posterior mean of eq. 7) as diffusers' `DDPMScheduler` runs
 * it, over all or some of the training timesteps. Each step adds fresh noise: of the posterior's variance β̃, or of β with
 * `variance_type: fixed_large`.
 *
 * ```ts
 * import { ddpm } from "./ddpm.ts";
 * const { steps } = ddpm({ clip_sample: false }, 4);
 * console.log(steps[0]!.noise > 0, steps[3]!.noise); // true 0
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @throws UserError that names what is not supported.
 */
export function ddpm(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const schedule = noiseSchedule(config), { predictionType, alphasCumprod } = schedule;
  const timesteps = wholeTimesteps(settings, steps, alphasCumprod.length);
  requireSignal(schedule, timesteps);
  const levels = [...timesteps.map((t) => alphasCumprod[t]!), 1];

  const table = timesteps.map((timestep, i): SamplerStep => {
    const now = levels[i]!, next = levels[i + 1]!, alpha = now / next, beta = 1 - alpha;
    const x0 = convertPrediction(predictionType, "sample", Math.sqrt(now), Math.sqrt(1 - now));
    const ofX0 = Math.sqrt(next) * beta / (1 - now), ofX = Math.sqrt(alpha) * (1 - next) / (1 - now);
    const variance = settings.variance_type === "fixed_large" ? beta : (1 - next) / (1 - now) * beta;
    const clip = settings.clip_sample ? { range: settings.clip_sample_range, weight: ofX0 } : undefined;
    return {
      timestep,
      inputScale: 1,
      a: ofX + ofX0 * x0.x,
      b: ofX0 * x0.m,
      noise: timestep === 0 ? 0 : Math.sqrt(variance),
      x0,
      ...(clip && { clip }),
    };
  });
  return makeSampler({
    name: "ddpm",
    predictionType,
    initNoiseSigma: 1,
    levels: levels.map((cumprod) => ({ alpha: Math.sqrt(cumprod), sigma: Math.sqrt(1 - cumprod) })),
    path: (from) => table.slice(from),
  });
}
