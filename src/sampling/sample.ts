import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
import type { Condition, Denoiser } from "./denoiser.ts";
import { guided } from "./guidance.ts";
import { advance, type Call, type Sampler, type SamplerStep } from "./sampler.ts";

/** What `onStep` sees after each network call; the tensors are the loop's and live until `onStep` is done. */
export interface StepEvent {
  /** The call just made, from 0. */
  index: number;
  timestep: number;
  /** State before the step [B,h,w,c]. */
  before: tf.Tensor;
  /** The network's output, guidance included [B,h,w,c]. */
  output: tf.Tensor;
  /** State after the step [B,h,w,c]. */
  after: tf.Tensor;
}

/** Options of `sample`. */
export interface SampleOptions {
  /** w of classifier-free guidance. Default 1: no second call. */
  guidanceScale?: number;
  /** Condition of the unguided half, batch B or 1; needed unless the guidance scale is 1. */
  nullCondition?: Condition;
  /** First call, one of `sampler.starts`, for image-to-image starts. Default 0. */
  from?: number;
  /** Standard normal noise [B,h,w,c] of a step, for stochastic samplers; disposed by the loop. */
  noise?: (index: number) => tf.Tensor;
  /** Stops the loop between steps. */
  signal?: AbortSignal;
  onStep?: (event: StepEvent) => void | Promise<void>;
}

/**
 * Runs a sampler from `xStart` to its end, giving way to the event loop between network calls.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { ddim } from "./ddim.ts";
 * import { sample } from "./sample.ts";
 * await tf.setBackend("cpu");
 * const denoiser = { predictionType: "epsilon", forward: (_: unknown, x: tf.Tensor) => x } as const;
 * const images = await sample(denoiser, {}, ddim({}, 4), tf.randomNormal([2, 8, 8, 4]), {});
 * console.log(images.shape); // [2, 8, 8, 4]
 * ```
 *
 * @param xStart [B,h,w,c]: noise times `sampler.initNoiseSigma`, or `addNoise(sampler, from, …)`; stays yours
 * @param condition batch B; stays yours
 * @returns the end of the path [B,h,w,c], yours to dispose
 * @throws UserError if the model predicts something else than the sampler expects, or guidance lacks its null
 * condition; the signal's reason when aborted. No tensor is left behind.
 */
export async function sample(
  denoiser: Denoiser,
  params: Params,
  sampler: Sampler,
  xStart: tf.Tensor,
  condition: Condition,
  { guidanceScale = 1, nullCondition, from = 0, noise, signal, onStep }: SampleOptions = {},
): Promise<tf.Tensor> {
  if (denoiser.predictionType !== sampler.predictionType) {
    throw new UserError(
      `the model predicts ${denoiser.predictionType}, the sampler expects ${sampler.predictionType}; set prediction_type in ` +
        "the scheduler config to what the model was trained for",
    );
  }
  if (guidanceScale !== 1 && !nullCondition) {
    throw new UserError(`guidance scale ${guidanceScale} needs a null condition; give one, or use scale 1`);
  }
  const guide = guided(denoiser, guidanceScale, nullCondition ?? {});
  const path = sampler.path(from), depth = lookBack(path);
  let x = tf.clone(xStart);
  const past: Call[] = []; // latest first
  try {
    for (const [k, step] of path.entries()) {
      signal?.throwIfAborted();
      const index = from + k, before = x;
      const [output, after] = tf.tidy(() => {
        const t = tf.fill([x.shape[0]!], step.timestep);
        const output = guide.forward(params, tf.mul(x, step.inputScale), t, condition);
        return [output, advance(step, x, output, step.noise ? noise?.(index) : undefined, past)];
      }) as [tf.Tensor, tf.Tensor];
      past.unshift({ x: before, m: output });
      x = after;
      await onStep?.({ index, timestep: step.timestep, before, output, after });
      for (const { x, m } of past.splice(depth)) tf.dispose([x, m]);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } catch (error) {
    x.dispose();
    throw error;
  } finally {
    for (const { x, m } of past) tf.dispose([x, m]);
  }
  return x;
}

/** How many calls back the steps of a path look at most. */
function lookBack(path: readonly SamplerStep[]): number {
  return Math.max(0, ...path.flatMap(({ past = [] }) => past.map(({ back }) => back)));
}
