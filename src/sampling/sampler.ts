import * as tf from "@tensorflow/tfjs";
import type { PredictionType } from "./denoiser.ts";
import { diffuse, type LinearForm } from "./prediction.ts";

/**
 * One step of a sampler as scalars. The network is called at m = denoiser(inputScale·x, timestep); then,
 * unless `clip` is set,
 *
 *     x_next = a·x + b·m (+ previous·m_previous) (+ noise·ε)
 */
export interface SamplerStep {
  timestep: number;
  inputScale: number;
  a: number;
  b: number;
  /** Coefficient of the previous step's output, in multistep solvers. */
  previous?: number;
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

/** A noise level: x = alpha·x0 + sigma·ε. */
export interface NoiseLevel {
  alpha: number;
  sigma: number;
}

/** A sampler for a fixed number n of steps: a table of numbers. It knows nothing of networks or training. */
export interface Sampler {
  name: string;
  /** What the network must predict. */
  predictionType: PredictionType;
  /** Timestep of each step, highest first. [n] */
  timesteps: number[];
  /** Standard deviation of the noise that sampling from scratch starts with. */
  initNoiseSigma: number;
  steps: SamplerStep[];
  /** Noise level before each step, and at the end of the path, in the sampler's own scaling. [n+1] */
  levels: NoiseLevel[];
}

/**
 * The next state, linear in everything: a·x + b·m (+ previous·m_previous) (+ noise·ε); clipping is ignored.
 *
 * @param x state [B,h,w,c]
 * @param m output of the network [B,h,w,c]
 * @param epsilon standard normal noise [B,h,w,c], needed when `step.noise` is not 0
 * @param previous output of the step before [B,h,w,c], needed when `step.previous` is not 0
 * @returns [B,h,w,c]
 */
export function stepLinear(
  step: SamplerStep,
  x: tf.Tensor,
  m: tf.Tensor,
  epsilon?: tf.Tensor,
  previous?: tf.Tensor,
): tf.Tensor {
  return tf.tidy(() => {
    let next = tf.add(tf.mul(x, step.a), tf.mul(m, step.b));
    if (step.previous) {
      next = tf.add(next, tf.mul(required(previous, step, "the previous output"), step.previous));
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
  previous?: tf.Tensor,
): tf.Tensor {
  const { clip } = step;
  if (!clip) return stepLinear(step, x, m, epsilon, previous);
  return tf.tidy(() => {
    const x0 = estimateX0(step, x, m);
    const excess = tf.sub(tf.clipByValue(x0, -clip.range, clip.range), x0);
    return tf.add(stepLinear(step, x, m, epsilon, previous), tf.mul(excess, clip.weight));
  });
}

/** The clean image that the network's output m implies at state x, before any clipping. [B,h,w,c] */
export function estimateX0(step: SamplerStep, x: tf.Tensor, m: tf.Tensor): tf.Tensor {
  return diffuse(x, m, step.x0.x, step.x0.m);
}

/**
 * A clean image noised to a point of the sampler's own grid, where image-to-image sampling starts (method:
 * x_ts = α·x0 + σ·ε; Meng et al. 2022, SDEdit): the state before step `index`. `index` n, past the last step,
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

function required(x: tf.Tensor | undefined, step: SamplerStep, what: string): tf.Tensor {
  if (!x) throw new Error(`the sampler's step at timestep ${step.timestep} needs ${what}; none was given`);
  return x;
}
