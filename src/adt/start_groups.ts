import * as tf from "@tensorflow/tfjs";
import { normalBatch } from "../runtime/random.ts";
import type { Condition } from "../sampling/denoiser.ts";
import { addNoise } from "../sampling/sampler.ts";
import { stepNoise } from "../sampling/step_noise.ts";
import type { BackwardPlan } from "./backward_plan.ts";
import { type RollOut, rollOuts, type RollOutStart } from "./roll_out.ts";
import type { AdtBatch, AdtSetup } from "./setup.ts";
import type { Chunk } from "./chunks.ts";
import { type AdtFunctions, DRAWN_SCALE } from "./functions.ts";
import { drawGuidanceScale } from "./guidance_scale.ts";

/** A roll-out of a group of the batch, its guidance scale, and the condition of its samples (with the scale, if it was drawn). */
export type Group = RollOut & { condition: Condition; guidanceScale: number };

export function disposeGroup({ end, states, condition }: Group): void {
  tf.dispose([end, ...states.values(), condition]);
}

/**
 * Runs the path of each group that a chunk has samples of: it is cut into equal parts in order. The groups share the network
 * calls.
 *
 * @param weights of the network [P]
 * @param batch the chunk's part
 * @param plans of all groups of the whole batch
 * @param step keys the noise
 * @returns the chunk's groups in order; the caller disposes them with `disposeGroup`
 * @throws the signal's reason
 */
export async function rollOutGroups(
  setup: AdtSetup,
  { denoiser }: AdtFunctions,
  weights: tf.Tensor,
  batch: AdtBatch,
  chunk: Chunk,
  plans: readonly BackwardPlan[],
  step: number,
  signal?: AbortSignal,
): Promise<Group[]> {
  const { sampler, settings: { seed } } = setup, own = chunk.groups.map((group) => plans[group]!);
  const groups = startGroupsOf(setup, batch, chunk, own.map(({ from }) => from), step);
  const starts = groups.map(({ start, condition }, g): RollOutStart => {
    const [count, ...shape] = start.shape as [number, ...number[]];
    const samples = Array.from({ length: count }, (_, i) => chunk.first + g * count + i);
    const noise = stepNoise({ seed, purpose: "sampler noise", step }, samples, shape);
    return { start, condition, plan: own[g]!, noise };
  });
  try {
    const paths = await rollOuts(denoiser, { weights }, sampler, starts, signal);
    return paths.map((path, g) => {
      const { condition, guidanceScale } = groups[g]!;
      return { ...path, condition, guidanceScale };
    });
  } catch (error) {
    tf.dispose(groups.map(({ condition }) => condition));
    throw error;
  } finally {
    tf.dispose(groups.map(({ start }) => start));
  }
}

/**
 * A chunk in its groups, each with its start states on the sampler's grid: x_{t_s} = α·x0 + σ·ε, or pure noise at the
 * grid's first step without image-to-image starts.
 */
function startGroupsOf(
  { sampler, settings }: AdtSetup,
  { latents: x0, condition }: AdtBatch,
  { first, groups }: Chunk,
  starts: number[],
  step: number,
): { start: tf.Tensor; condition: Condition; guidanceScale: number }[] {
  const [count, ...shape] = x0.shape as [number, ...number[]];
  const scales = groups.map((group) =>
    drawGuidanceScale(settings.guidanceScale, { seed: settings.seed, step, group })
  );
  const drawn = typeof settings.guidanceScale !== "number" && scales.some((scale) => scale !== 1);
  return tf.tidy(() => {
    const key = { seed: settings.seed, purpose: "roll-out noise", step };
    const noise = tf.tensor(
      normalBatch(key, Array.from({ length: count }, (_, i) => first + i), shape),
      x0.shape,
    );
    const x0s = tf.split(x0, starts.length), noises = tf.split(noise, starts.length);
    const conditions = Object.entries(condition).map(([name, x]) =>
      [name, tf.split(x, starts.length)] as const
    );
    return starts.map((from, g) => ({
      start: settings.imageToImage
        ? addNoise(sampler, from, x0s[g]!, noises[g]!)
        : noises[g]!.mul(sampler.initNoiseSigma),
      guidanceScale: scales[g]!,
      condition: {
        ...Object.fromEntries(conditions.map(([name, parts]) => [name, parts[g]!])),
        ...drawn && { [DRAWN_SCALE]: tf.fill([count / starts.length], scales[g]!) },
      },
    }));
  });
}
