import * as tf from "@tensorflow/tfjs";
import { requireLinear } from "../sampling/coefficients.ts";
import { joinBatches, joinConditions, splitBatch } from "../sampling/joint_batch.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { StepMetrics } from "../training/loop.ts";
import { type BackwardPlan, drawPlan } from "./backward_plan.ts";
import { augmentationsOf } from "./batch_augmentation.ts";
import { type Chunk, eachChunk, joined, meanMetrics } from "./chunks.ts";
import type { AdtFunctions } from "./functions.ts";
import { readNumbers } from "./read_numbers.ts";
import { drawStarts } from "./roll_out.ts";
import type { AdtBatch, AdtSetup, AdtState } from "./setup.ts";
import { disposeGroup, type Group, rollOutGroups } from "./start_groups.ts";
import { Sums } from "./sums.ts";
import { trajectoryGradients } from "./trajectory_gradient.ts";

/** What the roll-outs of a step gave. */
export interface AdversarialGradient {
  /** Of the adversarial loss [P], without its λ; the caller disposes it. */
  gradient: tf.Tensor;
  /** Of the anchor [P], without its λ, where it has a weight; the caller disposes it. */
  anchor: tf.Tensor | null;
  /** The images at the end [B,H,W,3], to train the discriminator on; the caller disposes them. */
  images: tf.Tensor;
  /** Of each group of the batch. */
  plans: BackwardPlan[];
  guidanceScales: number[];
  metrics: StepMetrics;
}

/**
 * The adversarial half of a step: rolls out, judges the end and carries the gradient back to the weights. Each group of
 * the batch runs its own path; those that are computed at a time share the network calls and are judged together.
 */
export async function adversarialGradient(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  batch: AdtBatch,
  step: number,
  signal?: AbortSignal,
): Promise<AdversarialGradient> {
  const { sampler, settings } = setup, { seed } = settings;
  const plans = startsOf(setup, step).map((from, group) =>
    drawPlan(settings.plan, { from, to: endOf(sampler, from) }, { seed, step, group })
  );
  plans.forEach(({ from, to }) => requireLinear(sampler, from, to));
  const sums = new Sums(), images: tf.Tensor[] = [], scales: number[] = [];
  try {
    const measured = await eachChunk(batch, settings, async (part, chunk) => {
      const groups = await rollOutGroups(
        setup,
        functions,
        state.generator.weights,
        part,
        chunk,
        plans,
        step,
        signal,
      );
      groups.forEach(({ guidanceScale }, g) => scales[chunk.groups[g]!] = guidanceScale);
      const { images: own, ...numbers } = carryBack(setup, functions, state, {
        part,
        chunk,
        groups,
        plans,
        step,
      }, sums);
      groups.forEach(disposeGroup);
      images.push(own);
      return await readNumbers(numbers);
    });
    const anchorLoss = sums.take(LOSS_ANCHOR);
    return {
      gradient: sums.take(ADVERSARIAL)!,
      anchor: sums.take(ANCHOR) ?? null,
      images: joined(images),
      plans,
      guidanceScales: scales,
      metrics: {
        ...meanMetrics(measured),
        ...anchorLoss && await readNumbers({ loss_anchor: anchorLoss }),
        start: meanStart(plans),
      },
    };
  } catch (error) {
    sums.dispose();
    tf.dispose(images);
    throw error;
  }
}

/** What is summed up over the chunks of a batch. */
const ADVERSARIAL = 0, ANCHOR = 1, LOSS_ANCHOR = 2;

/** Judges the ends of a chunk's roll-outs, and adds the gradients that come back from them to the sums of the batch. */
function carryBack(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  { part, chunk, groups, plans, step }: {
    part: AdtBatch;
    chunk: Chunk;
    groups: readonly Group[];
    /** Of all groups of the batch. */
    plans: readonly BackwardPlan[];
    step: number;
  },
  sums: Sums,
) {
  const { sampler, settings } = setup, { weights } = state.generator;
  const end = tf.concat(groups.map(({ end }) => end));
  const judged = judge(setup, functions, state, part, chunk, end, step);
  const endGradients = tf.split(judged.gradient, groups.length);
  const paths = groups.map(({ states }, g) => {
    return { plan: plans[chunk.groups[g]!]!, states, endGradient: endGradients[g]! };
  });
  const mostCalls = Math.max(...plans.map(({ trained }) => trained.length));
  let call = 0;
  const gradient = trajectoryGradients(sampler, paths, (calls, throughInput) => {
    const xs = calls.map(({ x }) => x), x = joinBatches(xs);
    const t = joinBatches(calls.map(({ x, timestep }) => tf.fill([x.shape[0]!], timestep)));
    const condition = joinConditions(calls.map(({ path }) => groups[path]!.condition));
    if (settings.lambdaAnchor) {
      const { loss, gradient } = functions.anchorGradient(weights, x, t, condition);
      // the mean over the calls, and in each over the samples that the whole batch has in it
      const samples = chunk.groupSize * plans.filter(({ trained }) => trained.length > call).length;
      const share = x.shape[0]! / samples / mostCalls;
      sums.add(LOSS_ANCHOR, loss, share);
      sums.add(ANCHOR, gradient, share);
    }
    call++;
    const cotangents = joinBatches(calls.map(({ cotangent }) => cotangent));
    const pulled = functions.pullback(weights, x, t, condition, cotangents, throughInput);
    return { weights: pulled.weights, inputs: pulled.input && splitBatch(pulled.input, xs) };
  });
  sums.add(ADVERSARIAL, gradient, 1 / (settings.accumulate ?? 1));
  tf.dispose([gradient, end, judged.gradient, endGradients]);
  return { images: judged.images, loss_adv: judged.loss, score_generated: judged.score };
}

/** What the reward says of the ends of roll-outs, or the discriminator. */
function judge(
  setup: AdtSetup,
  functions: AdtFunctions,
  { discriminator }: AdtState,
  batch: AdtBatch,
  chunk: Chunk,
  end: tf.Tensor,
  step: number,
) {
  if (setup.reward) return functions.reward(end, batch.wanted ?? null);
  const augmentations = augmentationsOf(setup, batch, chunk, ["generated", "real"], step, "generator");
  const judged = functions.judge(discriminator.weights, end, batch.reference, augmentations);
  tf.dispose(augmentations);
  return judged;
}

/** First steps of the roll-outs of each group of the batch. */
export const startsOf = (
  { sampler, settings: { imageToImage, startGroups, seed } }: AdtSetup,
  step: number,
) => drawStarts(sampler, imageToImage, startGroups, { seed, step });

/** One past the last step of a path. */
export const endOf = (sampler: Sampler, from: number) => from + sampler.path(from).length;

/** The mean of the roll-outs' first steps. */
export const meanStart = (plans: readonly BackwardPlan[]) =>
  plans.reduce((sum, { from }) => sum + from, 0) / plans.length;
