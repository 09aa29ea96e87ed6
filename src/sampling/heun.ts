import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule } from "./noise_schedule.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { atSigma, sigmaGrid, startSigma, trainedSigmas } from "./sigmas.ts";
import { spacingSettings } from "./timesteps.ts";

/** Unlike diffusers' other schedulers, this one has Stable Diffusion's betas for defaults. */
const DEFAULT_BETAS = { beta_start: 0.00085, beta_end: 0.012 };

const SETTINGS = z.object({
  ...spacingSettings("linspace"),
  use_karras_sigmas: setting(z.boolean(), false),
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  clip_sample: off,
  rescale_betas_zero_snr: off,
});

/**
 * Heun's method on the probability-flow equation (Karras et al. 2022, algorithm 1 without churn) as diffusers'
 * `HeunDiscreteScheduler` runs it. n steps make 2n − 1 network calls: call 2k predicts x at σ_{k+1} by Euler's method,
 * call 2k+1 looks at the slope there and steps again with the mean of both; the last step, to σ = 0, has no second call.
 * A path starts at a first call. The state is x = x0 + σ·ε; the network sees x / √(σ² + 1).
 *
 * ```ts
 * import { heun } from "./heun.ts";
 * console.log(heun({ beta_schedule: "scaled_linear" }, 3).timesteps); // [999, 499.5, 499.5, 0, 0]
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @throws UserError that names what is not supported.
 */
export function heun(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const { predictionType, alphasCumprod } = noiseSchedule({ ...DEFAULT_BETAS, ...config });
  const karras = settings.use_karras_sigmas ? {} : undefined;
  const { timesteps, sigmas } = sigmaGrid(trainedSigmas(alphasCumprod), steps, settings, karras);
  sigmas.push(0);

  const table = timesteps.flatMap((timestep, k): SamplerStep[] => {
    const next = sigmas[k + 1]!, dt = next - sigmas[k]!;
    const { inputScale, x0, slope } = atSigma(predictionType, sigmas[k]!);
    const first = { timestep, inputScale, a: 1 + dt * slope.x, b: dt * slope.m, noise: 0, x0 };
    if (next === 0) return [first];
    const there = atSigma(predictionType, next);
    const second = {
      timestep: timesteps[k + 1]!,
      inputScale: there.inputScale,
      a: dt / 2 * there.slope.x,
      b: dt / 2 * there.slope.m,
      past: [{ back: 1, x: 1 + dt / 2 * slope.x, m: dt / 2 * slope.m }],
      noise: 0,
      x0: there.x0,
    };
    return [first, second];
  });
  const levels = sigmas.flatMap((sigma, k) =>
    k === 0 || sigma === 0 ? [{ alpha: 1, sigma }] : [{ alpha: 1, sigma }, { alpha: 1, sigma }]
  );
  return makeSampler({
    name: "heun",
    predictionType,
    initNoiseSigma: startSigma(settings.timestep_spacing, sigmas),
    levels,
    starts: timesteps.map((_, k) => 2 * k),
    path: (from) => table.slice(from),
  });
}
