import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule } from "./noise_schedule.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { atSigma, sigmaGrid, startSigma, trainedSigmas } from "./sigmas.ts";
import { spacingSettings } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("linspace"),
  prediction_type: setting(z.enum(["epsilon", "v_prediction"]), "epsilon"),
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
});

/**
 * Euler's method with ancestral noise as diffusers' `EulerAncestralDiscreteScheduler` runs it: each step goes down to
 * σ_down and adds noise of σ_up, with σ_down² + σ_up² = σ_next² and σ_up that of DDPM's posterior. The state is
 * x = x0 + σ·ε; the network sees x / √(σ² + 1).
 *
 * ```ts
 * import { eulerAncestral } from "./euler_ancestral.ts";
 * const { steps } = eulerAncestral({ beta_schedule: "scaled_linear" }, 10);
 * console.log(steps[0]!.noise > 0, steps[9]!.noise); // true 0
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @throws UserError that names what is not supported.
 */
export function eulerAncestral(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const { predictionType, alphasCumprod } = noiseSchedule(config);
  const { timesteps, sigmas } = sigmaGrid(trainedSigmas(alphasCumprod), steps, settings);
  sigmas.push(0);

  const table = timesteps.map((timestep, i): SamplerStep => {
    const sigma = sigmas[i]!,
      next = sigmas[i + 1]!,
      { inputScale, x0, slope } = atSigma(predictionType, sigma);
    const up = next * Math.sqrt(1 - (next / sigma) ** 2), down = next ** 2 / sigma, ratio = down / sigma;
    const a = ratio + (1 - ratio) * x0.x, b = (down - sigma) * slope.m;
    return { timestep, inputScale, a, b, noise: up, x0 };
  });
  return makeSampler({
    name: "euler ancestral",
    predictionType,
    initNoiseSigma: startSigma(settings.timestep_spacing, sigmas),
    levels: sigmas.map((sigma) => ({ alpha: 1, sigma })),
    path: (from) => table.slice(from),
  });
}
