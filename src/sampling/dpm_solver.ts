import { z } from "zod";
import type { Config } from "../weights/config.ts";
import { noiseSchedule } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import { makeSampler, type NoiseLevel, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { karrasSigmas, timestepOf, trainedSigmas } from "./sigmas.ts";
import { requireSteps, roundHalfEven, spacingSettings, wholeTimesteps } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("linspace"),
  algorithm_type: setting(z.literal("dpmsolver++"), "dpmsolver++"),
  solver_order: setting(z.int().min(1).max(2), 2),
  solver_type: setting(z.literal("midpoint"), "midpoint"),
  lower_order_final: setting(z.boolean(), true),
  euler_at_final: setting(z.boolean(), false),
  final_sigmas_type: setting(z.enum(["zero", "sigma_min"]), "zero"),
  use_karras_sigmas: setting(z.boolean(), false),
  lambda_min_clipped: setting(z.literal(-Infinity), -Infinity),
  variance_type: setting(
    z.enum(["none", "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"]), // changes nothing here
    "none",
  ),
  beta_schedule: z.string().nullish(),
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  use_lu_lambdas: off,
  use_flow_sigmas: off,
  use_dynamic_shifting: off,
}).refine(
  ({ use_karras_sigmas, beta_schedule }) => !use_karras_sigmas || beta_schedule !== "squaredcos_cap_v2",
  {
    path: ["use_karras_sigmas"],
    error: "not supported with beta_schedule squaredcos_cap_v2",
  },
);

type Settings = z.output<typeof SETTINGS>;

/**
 * DPM-Solver++ 2M (Lu et al. 2022b, algorithm 2) as diffusers' `DPMSolverMultistepScheduler` runs it: with λ = log(α/σ)
 * and h its growth, x_{i+1} = (σ_{i+1}/σ_i)·x_i + α_{i+1}(1 − e^{−h})·D. D is the estimate of x0, extrapolated by the one
 * of the call before; a path's first step has none, and neither has a step to σ = 0.
 *
 * ```ts
 * import { dpmSolver } from "./dpm_solver.ts";
 * const { steps, path } = dpmSolver({ beta_schedule: "scaled_linear" }, 10);
 * console.log(steps[4]!.past?.length, path(4)[0]!.past); // 1 undefined
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps − 1
 * @throws UserError that names what is not supported.
 */
export function dpmSolver(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config);
  const { predictionType, alphasCumprod } = noiseSchedule(config);
  const trained = trainedSigmas(alphasCumprod);
  requireSteps(steps, trained.length - 1);
  const { timesteps, sigmas } = grid(settings, trained, steps);
  sigmas.push(settings.final_sigmas_type === "zero" ? 0 : trained[0]!);
  const levels = sigmas.map((sigma): NoiseLevel => {
    const alpha = 1 / Math.hypot(sigma, 1);
    return { alpha, sigma: alpha * sigma };
  });
  const estimates = levels.slice(0, steps).map(({ alpha, sigma }) =>
    convertPrediction(predictionType, "sample", alpha, sigma)
  );

  return makeSampler({
    name: "dpm-solver++",
    predictionType,
    initNoiseSigma: 1,
    levels,
    path: (from) => timesteps.slice(from).map((_, k) => step(from + k, k > 0)),
  });

  function step(i: number, hasPast: boolean): SamplerStep {
    const now = levels[i]!, next = levels[i + 1]!, x0 = estimates[i]!;
    const ratio = next.sigma / now.sigma, weight = next.alpha * (1 - sigmas[i + 1]! / sigmas[i]!);
    const base = { timestep: timesteps[i]!, inputScale: 1, noise: 0, x0 };
    if (settings.solver_order === 1 || !hasPast || lowerOrder(i)) {
      return { ...base, a: ratio + weight * x0.x, b: weight * x0.m };
    }
    const before = estimates[i - 1]!;
    const h = Math.log(sigmas[i]! / sigmas[i + 1]!), h0 = Math.log(sigmas[i - 1]! / sigmas[i]!);
    const extra = weight * h / (2 * h0);
    return {
      ...base,
      a: ratio + (weight + extra) * x0.x,
      b: (weight + extra) * x0.m,
      past: [{ back: 1, x: -extra * before.x, m: -extra * before.m }],
    };
  }

  function lowerOrder(i: number): boolean {
    const { euler_at_final, lower_order_final, final_sigmas_type } = settings;
    return i === steps - 1 &&
      (euler_at_final || (lower_order_final && steps < 15) || final_sigmas_type === "zero");
  }
}

/** Timesteps and their σ, highest first; unlike other schedulers', the spaced ones leave the grid's last point out. */
function grid(settings: Settings, trained: Float64Array, steps: number) {
  if (settings.use_karras_sigmas) {
    const sigmas = karrasSigmas(trained[0]!, trained.at(-1)!, steps);
    return { timesteps: sigmas.map((sigma) => roundHalfEven(timestepOf(trained, sigma))), sigmas };
  }
  const points = settings.timestep_spacing === "trailing" ? steps : steps + 1;
  const timesteps = wholeTimesteps(settings, points, trained.length).slice(0, steps);
  return { timesteps, sigmas: timesteps.map((t) => trained[t]!) };
}
