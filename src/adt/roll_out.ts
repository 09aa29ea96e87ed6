import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import { type PathStart, type SampleOptions, samplePaths } from "../sampling/sample.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { Params } from "../tensor/params.ts";
import { uniform } from "../runtime/random.ts";
import type { BackwardPlan } from "./backward_plan.ts";

/** A roll-out that has run; its tensors are the caller's to dispose. */
export interface RollOut {
  /** x_end [B,h,w,c]. */
  end: tf.Tensor;
  /** x_i [B,h,w,c] before each trained step i: all that the backward pass needs. */
  states: Map<number, tf.Tensor>;
}

/**
 * Runs the inference path of a plan with no tape and keeps the states before its trained steps: memory grows by one state
 * for each trained step, by nothing for each other one.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { ddim } from "../sampling/ddim.ts";
 * import { drawPlan } from "./backward_plan.ts";
 * import { rollOut } from "./roll_out.ts";
 * await tf.setBackend("cpu");
 * const denoiser = { predictionType: "epsilon", forward: (_: unknown, x: tf.Tensor) => x } as const;
 * const sampler = ddim({}, 4);
 * const plan = drawPlan({ kind: "truncated", steps: 2 }, { from: 0, to: 4 }, { seed: 0, step: 0 });
 * const { states } = await rollOut(denoiser, {}, sampler, tf.randomNormal([1, 4, 4, 4]), {}, plan);
 * console.log([...states.keys()]); // [2, 3]
 * ```
 *
 * @param start state before step `plan.from` [B,h,w,c]; stays the caller's
 * @param condition batch B; stays the caller's
 * @throws as `sample`; no tensor is left behind then
 */
export async function rollOut(
  denoiser: Denoiser,
  params: Params,
  sampler: Sampler,
  start: tf.Tensor,
  condition: Condition,
  plan: BackwardPlan,
  { noise, signal }: Pick<SampleOptions, "noise" | "signal"> = {},
): Promise<RollOut> {
  return (await rollOuts(denoiser, params, sampler, [{ start, condition, plan, noise }], signal))[0]!;
}

/** Where one of several roll-outs begins, and the plan it keeps states for. */
export interface RollOutStart {
  /** State before step `plan.from` [B,h,w,c]; stays the caller's. */
  start: tf.Tensor;
  /** Batch B; stays the caller's. */
  condition: Condition;
  plan: BackwardPlan;
  /** Standard normal noise of a step, for stochastic samplers. */
  noise?: SampleOptions["noise"];
}

/**
 * Several roll-outs that share the network calls: as `rollOut` of each, in as many calls as the longest has steps.
 *
 * @returns the roll-outs in order
 */
export async function rollOuts(
  denoiser: Denoiser,
  params: Params,
  sampler: Sampler,
  starts: readonly RollOutStart[],
  signal?: AbortSignal,
): Promise<RollOut[]> {
  const kept = starts.map(() => new Map<number, tf.Tensor>());
  const paths = starts.map(({ start, condition, plan, noise }, p): PathStart => ({
    xStart: start,
    condition,
    from: plan.from,
    noise,
    onStep({ index, before }) {
      if (plan.trained.includes(index)) kept[p]!.set(index, before.clone());
    },
  }));
  try {
    const ends = await samplePaths(denoiser, params, sampler, paths, { signal });
    return ends.map((end, p) => ({ end, states: kept[p]! }));
  } catch (error) {
    tf.dispose(kept.flatMap((states) => [...states.values()]));
    throw error;
  }
}

/**
 * The steps of the sampler's grid at which the roll-outs of a batch's groups start: each uniform over all of them with
 * image-to-image starts (they smooth how hard the discriminator's task is), else 0, pure noise. The groups share the grid
 * out among them, group g of G drawing from the g-th of G equal parts, so that one training step sees early and late
 * starts alike: the gradient of a start at pure noise is many times that of a late one, and a single start a step would
 * make the gradient jump.
 *
 * ```ts
 * import { ddim } from "../sampling/ddim.ts";
 * import { drawStarts } from "./roll_out.ts";
 * console.log(drawStarts(ddim({}, 10), true, 2, { seed: 0, step: 1 })); // one of 0 … 4, one of 5 … 9
 * ```
 *
 * @param key seed, and number of the training step: the same ones draw the same starts
 * @returns for each group one of `sampler.starts`, ascending
 */
export function drawStarts(
  sampler: Sampler,
  imageToImage: boolean,
  groups: number,
  key: { seed: number; step: number },
): number[] {
  return Array.from({ length: groups }, (_, group) => {
    if (!imageToImage) return 0;
    const [u] = uniform({ ...key, purpose: "image-to-image start", sample: group }, 1);
    return sampler.starts[Math.floor((group + u!) / groups * sampler.starts.length)]!;
  });
}
