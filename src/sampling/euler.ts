import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { linspace, noiseSchedule } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import type { Sampler, SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { spacedTimesteps, spacingSettings } from "./timesteps.ts";

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

/** Stands for ᾱ = 0 (zero terminal SNR), where σ would be infinite; the value diffusers takes. */
const SMALLEST_CUMPROD = 2 ** -24;

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
  const trained = alphasCumprod.map((a) => a || SMALLEST_CUMPROD).map((a) => Math.sqrt((1 - a) / a));
  let timesteps = spacedTimesteps(settings.timestep_spacing, steps, trained.length, settings.steps_offset);
  let sigmas = timesteps.map((t) => interpolate(trained, t));
  if (settings.use_karras_sigmas) {
    sigmas = karrasSigmas(settings.sigma_min ?? sigmas.at(-1)!, settings.sigma_max ?? sigmas[0]!, steps);
    timesteps = sigmas.map((sigma) => timestepOf(trained, sigma));
  }
  sigmas.push(settings.final_sigmas_type === "zero" ? 0 : trained[0]!);

  const table = timesteps.map((timestep, i): SamplerStep => {
    const sigma = sigmas[i]!, ratio = sigmas[i + 1]! / sigma;
    const inputScale = 1 / Math.hypot(sigma, 1);
    // As the network sees it, the state inputScale·x has α = inputScale and σ = inputScale·sigma.
    const seen = convertPrediction(predictionType, "sample", inputScale, inputScale * sigma);
    const x0 = { x: seen.x * inputScale, m: seen.m };
    return { timestep, inputScale, a: ratio + (1 - ratio) * x0.x, b: (1 - ratio) * x0.m, noise: 0, x0 };
  });

  const largest = Math.max(...sigmas);
  const initNoiseSigma = settings.timestep_spacing === "leading" ? Math.hypot(largest, 1) : largest;
  const levels = sigmas.map((sigma) => ({ alpha: 1, sigma }));
  return { name: "euler", predictionType, timesteps, initNoiseSigma, steps: table, levels };
}

/** Karras et al. 2022, eq. 5 with ρ = 7, highest first. */
function karrasSigmas(min: number, max: number, steps: number): number[] {
  return [...linspace(max ** (1 / 7), min ** (1 / 7), steps)].map((root) => root ** 7);
}

/** Value of a table at a fractional index, clamped to its ends. */
function interpolate(table: Float64Array, index: number): number {
  const at = Math.min(Math.max(index, 0), table.length - 1);
  const below = Math.floor(at), share = at - below;
  return share === 0 ? table[below]! : (1 - share) * table[below]! + share * table[below + 1]!;
}

/** The fractional timestep that has this σ, linear in log σ, clamped to the trained range. `sigmas` rise. */
function timestepOf(sigmas: Float64Array, sigma: number): number {
  const above = sigmas.findIndex((s) => s > sigma);
  if (above === 0) return 0;
  if (above === -1) return sigmas.length - 1;
  const low = Math.log(sigmas[above - 1]!), high = Math.log(sigmas[above]!);
  return above - 1 + (Math.log(sigma) - low) / (high - low);
}
