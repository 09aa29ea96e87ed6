import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import { type NoiseSchedule, noiseSchedule } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import { makeSampler, type PastTerm, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { spacingSettings, wholeTimesteps } from "./timesteps.ts";

const SETTINGS = z.object({
  ...spacingSettings("leading"),
  prediction_type: setting(z.enum(["epsilon", "v_prediction"]), "epsilon"),
  skip_prk_steps: setting(z.boolean(), false),
  set_alpha_to_one: setting(z.boolean(), false),
  rescale_betas_zero_snr: off,
});

/** Weights of the latest outputs, latest first, by how many there are: Adams-Bashforth of order 1 … 4. */
const ADAMS_BASHFORTH = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** What one call does: from state x_base at timestep `source` to `target`, with a mean of outputs. */
interface Move {
  base: number;
  source: number;
  target: number;
  /** Call and weight of each output. */
  outputs: (readonly [call: number, weight: number])[];
}

/**
 * Pseudo numerical methods (PNDM; Liu et al. 2022) as diffusers' `PNDMScheduler` runs them, the scheduler that Stable
 * Diffusion 1.5 ships with: DDIM's transfer (eq. 9 there) with a mean of the last up to four outputs.
 *
 * With `skip_prk_steps`, n steps make n + 1 calls: the first step is made twice, the second time with the mean of the
 * outputs at both its ends, then the order rises from 2 to 4. Without, the first three steps are Runge-Kutta steps of four
 * calls each. A path that starts later starts at first order, or at a Runge-Kutta step. As with DDIM, a step from t leads
 * to t − ⌊N/steps⌋.
 *
 * ```ts
 * import { pndm } from "./pndm.ts";
 * console.log(pndm({ skip_prk_steps: true }, 4).timesteps); // [750, 500, 500, 250, 0]
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 (4 without `skip_prk_steps`) to num_train_timesteps
 * @throws UserError that names what is not supported.
 */
export function pndm(config: Config, steps: number): Sampler {
  const settings = parseScheduler(SETTINGS, config), schedule = noiseSchedule(config);
  const { alphasCumprod, predictionType } = schedule, trained = alphasCumprod.length;
  const grid = wholeTimesteps(settings, steps, trained), stride = Math.floor(trained / steps);
  if (!settings.skip_prk_steps && steps < 4) {
    throw new UserError(`${steps} sampling steps: PNDM needs at least 4, or skip_prk_steps: true`);
  }
  const final = settings.set_alpha_to_one ? 1 : alphasCumprod[0]!, stages = settings.skip_prk_steps ? 0 : 12;
  const timesteps = stages
    ? [...rungeKuttaTimesteps(grid, stride), ...grid.slice(3)]
    : [...grid.slice(0, 2), ...grid.slice(1)];
  /** Whether a call is the first, or only one, of its step. */
  const isFirst = (call: number) => stages ? call >= stages || call % 4 === 0 : call !== 1;
  const cumprods = [...timesteps.map((t) => alphasCumprod[t]!), final];

  return makeSampler({
    name: "pndm",
    predictionType,
    initNoiseSigma: 1,
    levels: cumprods.map((cumprod) => ({ alpha: Math.sqrt(cumprod), sigma: Math.sqrt(1 - cumprod) })),
    starts: timesteps.map((_, call) => call).filter(isFirst),
    path(from) {
      const firsts: number[] = [];
      return timesteps.slice(from).map((timestep, k) => {
        const call = from + k;
        if (isFirst(call)) firsts.push(call);
        const move = call < stages
          ? rungeKutta(call, timesteps, stride)
          : isFirst(call)
          ? adamsBashforth(firsts, timestep, stride)
          : firstStepAgain(timestep, stride);
        return stepOf(call, timestep, move, schedule, final);
      });
    },
  });
}

/** A step of up to fourth order from the last of `firsts`. */
function adamsBashforth(firsts: readonly number[], timestep: number, stride: number): Move {
  const weights = ADAMS_BASHFORTH[Math.min(firsts.length, 4) - 1]!;
  const outputs = weights.map((weight, back) => [firsts.at(-1 - back)!, weight] as const);
  return { base: firsts.at(-1)!, source: timestep, target: timestep - stride, outputs };
}

/** The second call of a path without Runge-Kutta steps: the first step with the mean of the outputs at both ends. */
function firstStepAgain(timestep: number, stride: number): Move {
  return { base: 0, source: timestep + stride, target: timestep, outputs: [[0, 1 / 2], [1, 1 / 2]] };
}

/** The classical Runge-Kutta method's four calls a step: at the start, twice half-way, at the end. */
function rungeKuttaTimesteps(grid: readonly number[], stride: number): number[] {
  const half = Math.floor(stride / 2);
  return [0, 1, 2].flatMap((i) => [grid[i]!, grid[i + 1]! + half, grid[i + 1]! + half, grid[i + 1]!]);
}

function rungeKutta(call: number, timesteps: readonly number[], stride: number): Move {
  const stage = call % 4, base = call - stage, timestep = timesteps[call]!;
  const target = stage % 2 ? timestep : timestep - Math.floor(stride / 2);
  const mean = [1 / 6, 1 / 3, 1 / 3, 1 / 6].map((weight, i) => [base + i, weight] as const);
  return { base, source: timesteps[base]!, target, outputs: stage === 3 ? mean : [[call, 1]] };
}

/** A move as a step of call `call`: x_target = (α'/α)·x_base + (σ' − (α'/α)·σ)·ε̂, with ε̂ from the mean output. */
function stepOf(
  call: number,
  timestep: number,
  { base, source, target, outputs }: Move,
  { predictionType, alphasCumprod }: NoiseSchedule,
  final: number,
): SamplerStep {
  const now = alphasCumprod[source]!, next = alphasCumprod[target] ?? final, seen = alphasCumprod[timestep]!;
  const ratio = Math.sqrt(next / now), direction = Math.sqrt(1 - next) - ratio * Math.sqrt(1 - now);
  const epsilon = convertPrediction(predictionType, "epsilon", Math.sqrt(now), Math.sqrt(1 - now));
  const terms = new Map<number, PastTerm>();
  const termOf = (at: number) => {
    const term = terms.get(call - at) ?? { back: call - at, x: 0, m: 0 };
    terms.set(call - at, term);
    return term;
  };
  termOf(base).x = ratio + direction * epsilon.x;
  for (const [at, weight] of outputs) termOf(at).m = direction * epsilon.m * weight;
  const own = termOf(call);
  terms.delete(0);
  return {
    timestep,
    inputScale: 1,
    a: own.x,
    b: own.m,
    past: [...terms.values()],
    noise: 0,
    x0: convertPrediction(predictionType, "sample", Math.sqrt(seen), Math.sqrt(1 - seen)),
  };
}
