import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
import type { Condition, Denoiser } from "./denoiser.ts";
import { guided } from "./guidance.ts";
import { joinBatches, joinConditions, splitBatch } from "./joint_batch.ts";
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
  { from, noise, onStep, ...options }: SampleOptions = {},
): Promise<tf.Tensor> {
  const starts = [{ xStart, condition, from, noise, onStep }];
  return (await samplePaths(denoiser, params, sampler, starts, options))[0]!;
}

/** A path of `samplePaths`: the arguments and options of `sample` that are its own. */
export type PathStart =
  & { xStart: tf.Tensor; condition: Condition }
  & Pick<SampleOptions, "from" | "noise" | "onStep">;

/**
 * Runs several paths of a sampler together, each from its own start to the sampler's end: one network call takes the next
 * step of all that are still on their way, each at its own timestep. Otherwise as `sample`.
 *
 * @returns the ends in order [B_p,h,w,c], yours to dispose
 */
export async function samplePaths(
  denoiser: Denoiser,
  params: Params,
  sampler: Sampler,
  starts: readonly PathStart[],
  { guidanceScale = 1, nullCondition, signal }: Omit<SampleOptions, keyof PathStart> = {},
): Promise<tf.Tensor[]> {
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
  const walks = starts.map((start): Walk => {
    const from = start.from ?? 0;
    return { ...start, from, steps: sampler.path(from), taken: 0, x: tf.clone(start.xStart), past: [] };
  });
  try {
    for (;;) {
      const moving = walks.filter(({ steps, taken }) => taken < steps.length);
      if (moving.length === 0) return walks.map(({ x }) => x);
      signal?.throwIfAborted();
      const calls = tf.tidy(() => nextSteps(guide, params, moving));
      moving.forEach((walk, w) => {
        walk.past.unshift({ x: walk.x, m: calls[w]!.m });
        walk.x = calls[w]!.after;
        walk.taken++;
      });
      for (const walk of moving) await finishStep(walk);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } catch (error) {
    tf.dispose(walks.map(({ x }) => x));
    throw error;
  } finally {
    tf.dispose(walks.flatMap(({ past }) => past.flatMap(({ x, m }) => [x, m])));
  }
}

/** A path on its way. */
interface Walk extends PathStart {
  from: number;
  steps: SamplerStep[];
  /** Number of steps done. */
  taken: number;
  /** State now. */
  x: tf.Tensor;
  /** Calls that later steps look back at, latest first. */
  past: Call[];
}

/** The network's output at the state of each path, by one call, and the state each comes to. */
function nextSteps(network: Denoiser, params: Params, walks: readonly Walk[]) {
  const inputs = walks.map(({ x, steps, taken }) => tf.mul(x, steps[taken]!.inputScale));
  const times = walks.map(({ x, steps, taken }) => tf.fill([x.shape[0]!], steps[taken]!.timestep));
  const condition = joinConditions(walks.map(({ condition }) => condition));
  const output = network.forward(params, joinBatches(inputs), joinBatches(times), condition);
  const outputs = splitBatch(output, inputs);
  return walks.map(({ from, steps, taken, x, past, noise }, w) => {
    const step = steps[taken]!, m = outputs[w]!;
    return { m, after: advance(step, x, m, step.noise ? noise?.(from + taken) : undefined, past) };
  });
}

/** Shows a step just made, and lets go of the calls that no later step looks back at. */
async function finishStep({ from, steps, taken, x: after, past, onStep }: Walk): Promise<void> {
  const { x: before, m: output } = past[0]!, { timestep } = steps[taken - 1]!;
  await onStep?.({ index: from + taken - 1, timestep, before, output, after });
  for (const { x, m } of past.splice(lookBack(steps))) tf.dispose([x, m]);
}

/** How many calls back the steps of a path look at most. */
function lookBack(path: readonly SamplerStep[]): number {
  return Math.max(0, ...path.flatMap(({ past = [] }) => past.map(({ back }) => back)));
}
