import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule } from "./noise_schedule.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { atSigma, sigmaGrid, startSigma, trainedSigmas } from "./sigmas.ts";
import { spacingSettings } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("linspace"),
  use_karras_sigmas: setting(z.boolean(), false),
  sigma_min: z.number().gt(0).nullish(),
  sigma_max: z.number().gt(0).nullish(),
  final_sigmas_type: setting(z.enum(["zero", "sigma_min"]), "zero"),
  interpolation_type: setting(z.literal("linear"), "linear"),
  timestep_type: setting(z.literal("discrete"), "discrete"),
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
});

/**
 * Euler's method on the probability-flow equation (Karras et al. 2022, algorithm 1 without churn) as
 * diffusers' `EulerDiscreteScheduler` runs it. The state is x = x0 + σ·ε; the network sees x / √(σ² + 1).
 *
 * ```ts
 * import { euler } from "./euler.ts";
 * const sampler = euler({ beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 }, 10);
 * console.log(sampler.initNoiseSigma.toFixed(2)); // 14.61
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @throws UserError that names what is not supported.
 */
export function euler(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const { predictionType, alphasCumprod } = noiseSchedule(config);
  const trained = trainedSigmas(alphasCumprod);
  const karras = settings.use_karras_sigmas
    ? { min: settings.sigma_min, max: settings.sigma_max }
    : undefined;
  const { timesteps, sigmas } = sigmaGrid(trained, steps, settings, karras);
  sigmas.push(settings.final_sigmas_type === "zero" ? 0 : trained[0]!);

  const table = timesteps.map((timestep, i): SamplerStep => {
    const sigma = sigmas[i]!, { inputScale, x0, slope } = atSigma(predictionType, sigma);
    const ratio = sigmas[i + 1]! / sigma, dt = sigmas[i + 1]! - sigma;
    return { timestep, inputScale, a: ratio + (1 - ratio) * x0.x, b: dt * slope.m, noise: 0, x0 };
  });
  return makeSampler({
    name: "euler",
    predictionType,
    initNoiseSigma: startSigma(settings.timestep_spacing, sigmas),
    levels: sigmas.map((sigma) => ({ alpha: 1, sigma })),
    path: (from) => table.slice(from),
  });
}
