import * as tf from "@tensorflow/tfjs";
import { stepScalars } from "../training/adamw.ts";
import { dropCondition } from "../training/condition_dropout.ts";
import { drawDiffusionBatch } from "../training/diffusion_batch.ts";
import type { DiffusionBatch } from "../training/diffusion_loss.ts";
import type { StepMetrics } from "../training/loop.ts";
import { learningRate } from "../training/schedules.ts";
import {
  type AdversarialGradient,
  adversarialGradient,
  endOf,
  meanStart,
  startsOf,
} from "./adversarial_gradient.ts";
import type { BackwardPlan } from "./backward_plan.ts";
import { augmentationsOf } from "./batch_augmentation.ts";
import { eachChunk, joined, meanMetrics } from "./chunks.ts";
import type { AdtFunctions } from "./functions.ts";
import { readNumbers } from "./read_numbers.ts";
import type { AdtBatch, AdtSetup, AdtState } from "./setup.ts";
import { disposeGroup, rollOutGroups } from "./start_groups.ts";
import { Sums } from "./sums.ts";

/** What one step did. */
export interface AdtStepResult {
  /** The new state; the old one is disposed. */
  state: AdtState;
  metrics: StepMetrics;
  /** Of each group of the batch; they train no step in the discriminator's head start; none when `lambdaAdv` is 0. */
  plans: BackwardPlan[];
  /** w of each group's roll-out. */
  guidanceScales: number[];
}

/**
 * One step of adversarial diffusion tuning, number `step` (1, 2, …): start the inference path at noised real images, run
 * it without a tape, judge its end, bring the adversarial gradient back by one network call for each trained step, add
 * the diffusion loss, update the network, then the discriminator on the same images. The first
 * `discriminatorHeadStart` steps update the discriminator alone.
 *
 * All randomness is keyed by the settings' seed and `step`. The batch stays the caller's; the state is used up, unless
 * the signal stopped the step. Numbers that are not finite change no weight; they show in the metrics.
 *
 * The metrics: `loss_adv` (the generator's), `loss_diffusion`, `loss_discriminator`; `grad_norm` of the whole gradient
 * before clipping, `grad_norm_adv` and `grad_norm_diffusion` of its two parts with their λ, `grad_norm_discriminator`;
 * `score_generated` as the generator's update saw it, `score_real` and `score_fake` as the discriminator's did, and
 * `accuracy_discriminator`, the share of pairs on the right side of 0; `start`,
 * the mean of the roll-outs' first steps; `lr`. With an anchor, its `loss_anchor` and `grad_norm_anchor`. With a reward,
 * which takes the discriminator's place, `score_generated` is its mean, `loss_adv` that times −1.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { spaceToDepth } from "../models/autoencoder.ts";
 * import { initParams } from "../nn/declare.ts";
 * import { ddim } from "../sampling/ddim.ts";
 * import { noiseSchedule } from "../sampling/noise_schedule.ts";
 * import { flatten, layoutOf, unflatten } from "../tensor/params.ts";
 * import { zeroMoments } from "../training/adamw.ts";
 * import { initialState } from "../training/training_state.ts";
 * import { digitsAugmentation } from "./augmentation.ts";
 * import { twinDiscriminator } from "./discriminator.ts";
 * import { adtFunctions } from "./functions.ts";
 * import type { AdtSetup, AdtState } from "./setup.ts";
 * import { adtStep } from "./step.ts";
 * await tf.setBackend("cpu");
 * // a "network" of one weight, and the pixels themselves as features
 * const layout = layoutOf({ w: [1] });
 * const discriminator = twinDiscriminator({ score: "relativistic", channels: [3], width: 4, embedding: 4 });
 * const heads = initParams(discriminator.declarations, 0);
 * const headLayout = layoutOf(Object.fromEntries(Object.entries(heads).map(([name, x]) => [name, x.shape])));
 * const adam = { betas: [0, 0.99] as [number, number], eps: 1e-8, weightDecay: 0, clipNorm: 1 };
 * const optimizer = { ...adam, lr: 1e-3, warmupSteps: 0, schedule: "constant" as const };
 * const pixels = spaceToDepth(2);
 * const setup: AdtSetup = {
 *   denoiser: { predictionType: "epsilon", forward: ({ w }, x) => x.mul(w!) },
 *   params: (weights) => unflatten(weights, layout),
 *   autoencoder: pixels,
 *   schedule: noiseSchedule({}),
 *   sampler: ddim({ clip_sample: false }, 4),
 *   adversary: {
 *     discriminator,
 *     extractor: { patchGrids: (images) => [images as tf.Tensor4D] },
 *     loss: "softplus",
 *     fill: -1,
 *   },
 *   headLayout,
 *   settings: {
 *     steps: 100,
 *     seed: 0,
 *     plan: { kind: "stop-input", steps: 2 },
 *     imageToImage: true,
 *     startGroups: 2,
 *     discriminatorHeadStart: 0,
 *     lambdaAdv: 0.1,
 *     advNormCap: null,
 *     lambdaDiffusion: 1,
 *     guidanceScale: 1,
 *     augmentation: digitsAugmentation,
 *     optimizer,
 *     discriminatorOptimizer: optimizer,
 *     emaDecay: 0.99,
 *   },
 * };
 * const start: AdtState = {
 *   generator: initialState(tf.tensor1d([0.5])),
 *   discriminator: { weights: flatten(heads, headLayout), moments: zeroMoments(headLayout.length) },
 * };
 * const images = tf.randomUniform([2, 8, 8, 3], -1, 1), latents = pixels.encode(images);
 * const batch = { images, latents, condition: {}, reference: images };
 * const { state, plans, metrics } = await adtStep(setup, adtFunctions(setup), start, batch, 1);
 * console.log(state.generator.weights.arraySync(), plans[0]!.trained, metrics.loss_adv);
 * ```
 *
 * @param functions of the same setup, from `adtFunctions`
 * @param signal stops the step within the roll-out
 * @throws the signal's reason; Error when guidance lacks its null condition; UserError when the sampler clips
 */
export async function adtStep(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  batch: AdtBatch,
  step: number,
  signal?: AbortSignal,
): Promise<AdtStepResult> {
  const { settings } = setup;
  if (step <= headStartOf(setup)) return headStartStep(setup, functions, state, batch, step, signal);
  if (settings.lambdaAdv === 0) {
    const { generator, metrics } = await stepGenerator(setup, functions, state, null, batch, step);
    return { state: { ...state, generator }, metrics, plans: [], guidanceScales: [] };
  }
  const judged = await adversarialGradient(setup, functions, state, batch, step, signal);
  const updated = await stepGenerator(setup, functions, state, judged, batch, step);
  const discriminated = setup.reward
    ? { discriminator: state.discriminator, metrics: {} }
    : await stepDiscriminator(setup, functions, state, judged.images, batch, step);
  judged.images.dispose();
  return {
    state: { generator: updated.generator, discriminator: discriminated.discriminator },
    metrics: { ...judged.metrics, ...updated.metrics, ...discriminated.metrics },
    plans: judged.plans,
    guidanceScales: judged.guidanceScales,
  };
}

/** First steps that train the discriminator alone: none where nothing asks it. */
export const headStartOf = ({ reward, settings: { lambdaAdv, discriminatorHeadStart } }: AdtSetup) =>
  lambdaAdv > 0 && !reward ? discriminatorHeadStart : 0;

/** A step of the discriminator's head start: it learns to judge, and the network stays as it is. */
async function headStartStep(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  batch: AdtBatch,
  step: number,
  signal?: AbortSignal,
): Promise<AdtStepResult> {
  const { sampler, settings: { plan: { kind } } } = setup;
  const plans = startsOf(setup, step).map((from): BackwardPlan => ({
    kind,
    from,
    to: endOf(sampler, from),
    trained: [],
  }));
  const made: tf.Tensor[] = [], guidanceScales: number[] = [];
  try {
    await eachChunk(batch, setup.settings, async (part, chunk) => {
      const { weights } = state.generator;
      const groups = await rollOutGroups(setup, functions, weights, part, chunk, plans, step, signal);
      groups.forEach(({ guidanceScale }, g) => guidanceScales[chunk.groups[g]!] = guidanceScale);
      made.push(tf.tidy(() => setup.autoencoder.decode(tf.concat(groups.map(({ end }) => end)))));
      groups.forEach(disposeGroup);
    });
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
  const images = joined(made);
  const { discriminator, metrics } = await stepDiscriminator(setup, functions, state, images, batch, step);
  images.dispose();
  return {
    state: { ...state, discriminator },
    metrics: { ...metrics, start: meanStart(plans) },
    plans,
    guidanceScales,
  };
}

/** Updates the network; the gradients of the roll-outs are used up. */
async function stepGenerator(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  rolledOut: Pick<AdversarialGradient, "gradient" | "anchor"> | null,
  batch: AdtBatch,
  step: number,
) {
  const { schedule, settings } = setup, { optimizer, seed, minSnrGamma } = settings;
  const dropout = { share: settings.conditionDropout ?? 0, seed, step };
  const kept = dropCondition(batch.condition, setup.nullCondition?.(batch.condition) ?? {}, dropout);
  const diffusion = drawDiffusionBatch(batch.latents, kept, schedule, { seed, step, minSnrGamma });
  const before = headStartOf(setup), update = step - before;
  const lr = learningRate(optimizer, update, settings.steps - before);
  const scalars = stepScalars(update, lr, optimizer.betas), decay = tf.scalar(settings.emaDecay);
  const { loss, gradient: ofDiffusion } = await diffusionGradient(setup, functions, state, diffusion);
  const { gradient: adversarial = null, anchor = null } = rolledOut ?? {};
  const { gradient, norms } = functions.joinGradients(adversarial, anchor, ofDiffusion);
  tf.dispose([ofDiffusion, adversarial ?? [], anchor ?? []]); // before the new state needs the memory
  const { next, gradNorm } = functions.updateGenerator(state.generator, gradient, scalars, decay);
  tf.dispose([{ ...diffusion }, scalars, decay, gradient, state.generator]);
  const metrics = await readNumbers({
    loss_diffusion: loss,
    grad_norm: gradNorm,
    grad_norm_diffusion: norms.diffusion,
    grad_norm_adv: norms.adversarial,
    ...norms.anchor && { grad_norm_anchor: norms.anchor },
  });
  return { generator: next, metrics: { ...metrics, lr } };
}

/** The diffusion loss of a batch and its gradient. */
async function diffusionGradient(
  { settings }: AdtSetup,
  functions: AdtFunctions,
  { generator: { weights } }: AdtState,
  batch: DiffusionBatch,
): Promise<{ loss: tf.Tensor; gradient: tf.Tensor }> {
  const { accumulate = 1 } = settings, sums = new Sums();
  await eachChunk(batch, settings, (part) => {
    const { loss, gradient } = functions.diffusionGradient(weights, part);
    sums.add(0, loss, 1 / accumulate);
    sums.add(1, gradient, 1 / accumulate);
    tf.dispose([loss, gradient]);
  });
  return { loss: sums.take(0)!, gradient: sums.take(1)! };
}

async function stepDiscriminator(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  generated: tf.Tensor,
  batch: AdtBatch,
  step: number,
) {
  const { discriminatorOptimizer: optimizer, steps, accumulate = 1 } = setup.settings, sum = new Sums();
  const measured = await eachChunk({ ...batch, generated }, setup.settings, async (part, chunk) => {
    const kinds = ["generated", "real", "positive"] as const;
    const augmentations = augmentationsOf(setup, part, chunk, kinds, step, "discriminator");
    const { loss, gradient, scoreReal, scoreFake, accuracy } = functions.discriminatorGradient(
      state.discriminator.weights,
      { generated: part.generated, reference: part.reference, positive: part.images },
      augmentations,
    );
    sum.add(0, gradient, 1 / accumulate);
    tf.dispose([augmentations, gradient]);
    return await readNumbers({
      loss_discriminator: loss,
      score_real: scoreReal,
      score_fake: scoreFake,
      accuracy_discriminator: accuracy,
    });
  });
  const scalars = stepScalars(step, learningRate(optimizer, step, steps), optimizer.betas),
    gradient = sum.take(0)!;
  const { next, gradNorm } = functions.updateDiscriminator(state.discriminator, gradient, scalars);
  tf.dispose([scalars, gradient, state.discriminator]);
  const norm = await readNumbers({ grad_norm_discriminator: gradNorm });
  return { discriminator: next, metrics: { ...meanMetrics(measured), ...norm } };
}
