import * as tf from "@tensorflow/tfjs";
import type { PredictionType } from "./denoiser.ts";
import { diffuse, type LinearForm } from "./prediction.ts";

/**
 * One network call of a sampler and the step it leads to, as scalars. Call i gives
 * m_i = denoiser(inputScale·x_i, timestep); then, unless `clip` is set,
 *
 *     x_{i+1} = a·x_i + b·m_i + Σ_past (x·x_{i−back} + m·m_{i−back}) + noise·ε_i
 *
 * This one recurrence is every sampler. One-step methods have no `past`. Multistep methods look back at outputs, and at
 * the states these belong to where they combine estimates of x0. A method of several stages (Heun, Runge-Kutta) has one
 * entry for each network call, as diffusers has a timestep for each: x_i is what that call sees, and a later stage looks
 * back at the state that the stages began from. All that is derived from a sampler follows from the recurrence alone, and
 * so is exact for all of them: sampling, the coefficients of the end (`coefficientsToEnd`) and the adjoint
 * (`trajectoryGradient`).
 */
export interface SamplerStep {
  timestep: number;
  inputScale: number;
  a: number;
  b: number;
  /** Terms that look back at earlier calls of the path. */
  past?: PastTerm[];
  /** Coefficient of fresh standard normal noise; 0 in deterministic samplers. */
  noise: number;
  /** The estimate of the clean image: x̂0 = x0.x·x + x0.m·m. */
  x0: LinearForm;
  /**
   * x̂0 is clipped to ±range, which adds weight·(clip(x̂0) − x̂0) to x_next. Such a step is not linear: it
   * can be sampled with, but no gradient coefficients exist (`requireLinear` refuses it).
   */
  clip?: { range: number; weight: number };
}

/** x·x_{i−back} + m·m_{i−back}: the state `back` calls before call i, and the network's output there. */
export interface PastTerm extends LinearForm {
  back: number;
}

/** A state and the network's output at it, both [B,h,w,c]. */
export interface Call {
  x: tf.Tensor;
  m: tf.Tensor;
}

/** A noise level: x = alpha·x0 + sigma·ε. */
export interface NoiseLevel {
  alpha: number;
  sigma: number;
}

/** A sampler for a fixed number n of network calls: tables of numbers. It knows nothing of networks or training. */
export interface Sampler {
  name: string;
  /** What the network must predict. */
  predictionType: PredictionType;
  /** Timestep of each call, highest first. [n] */
  timesteps: number[];
  /** Standard deviation of the noise that sampling from scratch starts with. */
  initNoiseSigma: number;
  /** The path from pure noise. [n] */
  steps: SamplerStep[];
  /** Noise level before each call, and at the end of the path, in the sampler's own scaling. [n+1] */
  levels: NoiseLevel[];
  /**
   * The calls at which a path may start, ascending from 0: all, but for those within the stages of one step. Where
   * image-to-image starts are drawn from.
   */
  starts: number[];
  /**
   * The calls from … n−1 of a path that starts at call `from`, one of `starts` (or n: no call at all). It never looks back
   * beyond its start: a multistep method begins at first order there, as it does at the top of the grid.
   *
   * @throws RangeError for any other `from`.
   */
  path(from: number): SamplerStep[];
}

/** What defines a sampler; the rest follows. */
export type SamplerDefinition = Omit<Sampler, "timesteps" | "steps" | "starts"> & { starts?: number[] };

/**
 * A sampler from its paths.
 *
 * @param definition `path` is asked for the `starts` only, by default all calls of the path from 0
 */
export function makeSampler({ path, starts, ...rest }: SamplerDefinition): Sampler {
  const steps = path(0), possible = starts ?? steps.map((_, i) => i);
  return {
    ...rest,
    timesteps: steps.map(({ timestep }) => timestep),
    steps,
    starts: possible,
    path(from) {
      if (from === steps.length) return [];
      if (possible.includes(from)) return path(from);
      throw new RangeError(`${rest.name}: no path starts at call ${from}, only at ${possible.join(", ")}`);
    },
  };
}

/** All terms of a step: its own call, as `back` 0, and those that look back. */
export function termsOf({ a, b, past = [] }: SamplerStep): PastTerm[] {
  return [{ back: 0, x: a, m: b }, ...past];
}

/**
 * The next state by the recurrence of `SamplerStep`; clipping is ignored.
 *
 * @param x state [B,h,w,c]
 * @param m output of the network [B,h,w,c]
 * @param epsilon standard normal noise [B,h,w,c], needed when `step.noise` is not 0
 * @param past earlier calls of the path, latest first, as many as the step looks back
 * @returns [B,h,w,c]
 */
export function stepLinear(
  step: SamplerStep,
  x: tf.Tensor,
  m: tf.Tensor,
  epsilon?: tf.Tensor,
  past: readonly Call[] = [],
): tf.Tensor {
  return tf.tidy(() => {
    let next = tf.add(tf.mul(x, step.a), tf.mul(m, step.b));
    for (const term of step.past ?? []) {
      const call = required(past[term.back - 1], step, `the call ${term.back} before it`);
      if (term.x) next = tf.add(next, tf.mul(call.x, term.x));
      if (term.m) next = tf.add(next, tf.mul(call.m, term.m));
    }
    if (step.noise) next = tf.add(next, tf.mul(required(epsilon, step, "noise"), step.noise));
    return next;
  });
}

/**
 * The next state as the sampler defines it: `stepLinear`, plus the clipping of x̂0 where the step has it.
 * Same arguments.
 */
export function advance(
  step: SamplerStep,
  x: tf.Tensor,
  m: tf.Tensor,
  epsilon?: tf.Tensor,
  past: readonly Call[] = [],
): tf.Tensor {
  const { clip } = step;
  if (!clip) return stepLinear(step, x, m, epsilon, past);
  return tf.tidy(() => {
    const x0 = estimateX0(step, x, m);
    const excess = tf.sub(tf.clipByValue(x0, -clip.range, clip.range), x0);
    return tf.add(stepLinear(step, x, m, epsilon, past), tf.mul(excess, clip.weight));
  });
}

/** The clean image that the network's output m implies at state x, before any clipping. [B,h,w,c] */
export function estimateX0(step: SamplerStep, x: tf.Tensor, m: tf.Tensor): tf.Tensor {
  return diffuse(x, m, step.x0.x, step.x0.m);
}

/**
 * A clean image noised to a point of the sampler's own grid, where image-to-image sampling starts (method:
 * x_ts = α·x0 + σ·ε; Meng et al. 2022, SDEdit): the state before call `index`. `index` n, past the last call,
 * is x0 itself, with no noise at all even where the sampler's own path ends with a little (diffusers'
 * `set_alpha_to_one: false`).
 *
 * @param x0 [B,h,w,c]
 * @param epsilon standard normal [B,h,w,c]
 * @returns [B,h,w,c]
 */
export function addNoise(sampler: Sampler, index: number, x0: tf.Tensor, epsilon: tf.Tensor): tf.Tensor {
  const n = sampler.steps.length;
  if (index === n) return tf.clone(x0);
  const level = sampler.levels[index];
  if (!level) throw new RangeError(`addNoise: index ${index} is not an integer from 0 to ${n}`);
  return diffuse(x0, epsilon, level.alpha, level.sigma);
}

function required<T>(x: T | undefined, step: SamplerStep, what: string): T {
  if (x === undefined) {
    throw new Error(`the sampler's step at timestep ${step.timestep} needs ${what}; none was given`);
  }
  return x;
}
