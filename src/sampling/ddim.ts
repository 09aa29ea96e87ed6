import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule, requireSignal } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { parseScheduler, setting } from "./scheduler_config.ts";
import { spacingSettings, wholeTimesteps } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("leading"),
  set_alpha_to_one: setting(z.boolean(), true),
  clip_sample: setting(z.boolean(), true),
  clip_sample_range: setting(z.number().gt(0), 1),
});

/**
 * DDIM (Song et al. 2021, eq. 12) as diffusers' `DDIMScheduler` runs it.
 *
 * As there, a step from t leads to t − ⌊N/steps⌋. With `leading` spacing, and with `trailing` where steps
 * divides N, that is the next timestep of the grid; otherwise the path is slightly off its own grid, in
 * diffusers and here.
 *
 * ```ts
 * import { ddim } from "./ddim.ts";
 * const sampler = ddim({ clip_sample: false, timestep_spacing: "trailing" }, 4);
 * console.log(sampler.timesteps); // [999, 749, 499, 249]
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @param eta η of eq. 16: 0 is deterministic, 1 adds as much noise as DDPM
 * @throws UserError that names what is not supported.
 */
export function ddim(config: Config, steps: number, eta = 0): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const schedule = noiseSchedule(config), { predictionType, alphasCumprod } = schedule;
  const trained = alphasCumprod.length;
  const timesteps = wholeTimesteps(settings, steps, trained);
  requireSignal(schedule, timesteps);
  const final = settings.set_alpha_to_one ? 1 : alphasCumprod[0]!;
  const stride = Math.floor(trained / steps);

  const table = timesteps.map((timestep): SamplerStep => {
    const now = alphasCumprod[timestep]!, next = alphasCumprod[timestep - stride] ?? final;
    const alpha = Math.sqrt(now), sigma = Math.sqrt(1 - now), alphaNext = Math.sqrt(next);
    const x0 = convertPrediction(predictionType, "sample", alpha, sigma);
    const epsilon = convertPrediction(predictionType, "epsilon", alpha, sigma);
    const noise = eta * Math.sqrt((1 - next) / (1 - now) * (1 - now / next));
    const direction = Math.sqrt(1 - next - noise ** 2);
    const a = alphaNext * x0.x + direction * epsilon.x, b = alphaNext * x0.m + direction * epsilon.m;
    const clip = settings.clip_sample ? { range: settings.clip_sample_range, weight: alphaNext } : undefined;
    return { timestep, inputScale: 1, a, b, noise, x0, ...(clip && { clip }) };
  });

  const levels = [...timesteps.map((t) => alphasCumprod[t]!), final]
    .map((cumprod) => ({ alpha: Math.sqrt(cumprod), sigma: Math.sqrt(1 - cumprod) }));
  return makeSampler({
    name: "ddim",
    predictionType,
    initNoiseSigma: 1,
    levels,
    path: (from) => table.slice(from),
  });
}
