import * as tf from "@tensorflow/tfjs";
import { requireLinear } from "../sampling/coefficients.ts";
import { joinBatches, joinConditions, splitBatch } from "../sampling/joint_batch.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { StepMetrics } from "../training/loop.ts";
import { type BackwardPlan, drawPlan } from "./backward_plan.ts";
import { augmentationsOf } from "./batch_augmentation.ts";
import type { AdtFunctions } from "./functions.ts";
import { readNumbers } from "./read_numbers.ts";
import { drawStarts } from "./roll_out.ts";
import type { AdtBatch, AdtSetup, AdtState } from "./setup.ts";
import { disposeGroup, rollOutGroups } from "./start_groups.ts";
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
 * the batch runs its own path; the discriminator judges them together.
 */
export async function adversarialGradient(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  batch: AdtBatch,
  step: number,
  signal?: AbortSignal,
): Promise<AdversarialGradient> {
  const { sampler, settings } = setup, { seed, startGroups } = settings;
  const { weights } = state.generator;
  const plans = startsOf(setup, step).map((from, group) =>
    drawPlan(settings.plan, { from, to: endOf(sampler, from) }, { seed, step, group })
  );
  plans.forEach(({ from, to }) => requireLinear(sampler, from, to));
  const groups = await rollOutGroups(setup, functions, weights, batch, plans, step, signal);
  const end = tf.concat(groups.map(({ end }) => end));
  const judged = judge(setup, functions, state, batch, end, step);
  const endGradients = tf.split(judged.gradient, startGroups);
  const paths = groups.map(({ states }, g) => ({ plan: plans[g]!, states, endGradient: endGradients[g]! }));
  const anchor = settings.lambdaAnchor ? new Sums() : null;
  const anchorWeight = 1 / Math.max(...plans.map(({ trained }) => trained.length)); // one of so many joint calls
  const gradient = trajectoryGradients(sampler, paths, (calls, throughInput) => {
    const xs = calls.map(({ x }) => x), x = joinBatches(xs);
    const t = joinBatches(calls.map(({ x, timestep }) => tf.fill([x.shape[0]!], timestep)));
    const condition = joinConditions(calls.map(({ path }) => groups[path]!.condition));
    if (anchor) {
      const { loss, gradient } = functions.anchorGradient(weights, x, t, condition);
      anchor.add(0, loss, anchorWeight);
      anchor.add(1, gradient, anchorWeight);
    }
    const cotangents = joinBatches(calls.map(({ cotangent }) => cotangent));
    const pulled = functions.pullback(weights, x, t, condition, cotangents, throughInput);
    return { weights: pulled.weights, inputs: pulled.input && splitBatch(pulled.input, xs) };
  });
  const guidanceScales = groups.map(({ guidanceScale }) => guidanceScale);
  groups.forEach(disposeGroup);
  tf.dispose([end, judged.gradient, endGradients]);
  const scores = await readNumbers({
    loss_adv: judged.loss,
    score_generated: judged.score,
    ...anchor && { loss_anchor: anchor.take(0)! },
  });
  return {
    gradient,
    anchor: anchor?.take(1) ?? null,
    images: judged.images,
    plans,
    guidanceScales,
    metrics: { ...scores, start: meanStart(plans) },
  };
}

/** What the reward says of the ends of roll-outs, or the discriminator. */
function judge(
  setup: AdtSetup,
  functions: AdtFunctions,
  { discriminator }: AdtState,
  batch: AdtBatch,
  end: tf.Tensor,
  step: number,
) {
  if (setup.reward) return functions.reward(end, batch.wanted ?? null);
  const augmentations = augmentationsOf(setup, batch, ["generated", "real"], step, "generator");
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
export const meanStart = (plans: BackwardPlan[]) =>
  plans.reduce((sum, { from }) => sum + from, 0) / plans.length;
