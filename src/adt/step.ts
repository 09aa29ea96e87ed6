import * as tf from "@tensorflow/tfjs";
import { normalBatch } from "../runtime/random.ts";
import { addNoise } from "../sampling/sampler.ts";
import { stepScalars } from "../training/adamw.ts";
import { drawDiffusionBatch } from "../training/diffusion_batch.ts";
import { emaDecay } from "../training/ema.ts";
import type { StepMetrics } from "../training/loop.ts";
import { learningRate } from "../training/schedules.ts";
import { augmentationTensors, drawAugmentation } from "./augmentation.ts";
import { type BackwardPlan, drawPlan } from "./backward_plan.ts";
import type { AdtFunctions } from "./functions.ts";
import { drawStart, rollOut } from "./roll_out.ts";
import type { AdtBatch, AdtSetup, AdtState } from "./setup.ts";
import { trajectoryGradient } from "./trajectory_gradient.ts";

/** What one step did. */
export interface AdtStepResult {
  /** The new state; the old one is disposed. */
  state: AdtState;
  metrics: StepMetrics;
  /** null when `lambdaAdv` is 0. */
  plan: BackwardPlan | null;
}

/**
 * One step of adversarial diffusion tuning, number `step` (1, 2, …): start the inference path at noised real images, run
 * it without a tape, judge its end, bring the adversarial gradient back by one network call for each trained step, add
 * the diffusion loss, update the network, then the discriminator on the same images.
 *
 * All randomness is keyed by the settings' seed and `step`. The batch stays the caller's.
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
  if (settings.lambdaAdv === 0) {
    const { generator, metrics } = await updateGenerator(setup, functions, state, null, batch, step);
    return { state: { ...state, generator }, metrics, plan: null };
  }
  const judged = await adversarialGradient(setup, functions, state, batch, step, signal);
  const updated = await updateGenerator(setup, functions, state, judged.gradient, batch, step);
  const discriminated = await updateDiscriminator(setup, functions, state, judged.images, batch, step);
  judged.gradient.dispose();
  judged.images.dispose();
  return {
    state: { generator: updated.generator, discriminator: discriminated.discriminator },
    metrics: { ...judged.metrics, ...updated.metrics, ...discriminated.metrics },
    plan: judged.plan,
  };
}

/** Rolls out, judges the end and carries the gradient back to the weights [P]. */
export async function adversarialGradient(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  batch: AdtBatch,
  step: number,
  signal?: AbortSignal,
): Promise<{ gradient: tf.Tensor; images: tf.Tensor; plan: BackwardPlan; metrics: StepMetrics }> {
  const { sampler, settings } = setup, { seed } = settings;
  const weights = state.generator.weights, { condition } = batch;
  const from = drawStart(sampler, settings.imageToImage, { seed, step });
  const plan = drawPlan(settings.plan, { from, to: sampler.steps.length }, { seed, step });
  const start = startStates(setup, batch, from, step);
  const { end, states } = await rollOut(functions.denoiser, { weights }, sampler, start, condition, plan, {
    signal,
  }).finally(() => start.dispose());
  const augmentations = augmentationsOf(setup, batch, ["generated", "real"], step, "generator");
  const judged = functions.judge(state.discriminator.weights, end, batch.reference, augmentations);
  const gradient = trajectoryGradient(
    sampler,
    plan,
    states,
    judged.gradient,
    (x, timestep, cotangent, throughInput) =>
      functions.pullback(weights, x, tf.fill([x.shape[0]!], timestep), condition, cotangent, throughInput),
  );
  tf.dispose([end, augmentations, judged.gradient, ...states.values()]);
  const metrics = { ...await numbers({ loss_adv: judged.loss, score_generated: judged.score }), start: from };
  return { gradient, images: judged.images, plan, metrics };
}

/** x_{t_s} = α·x0 + σ·ε on the sampler's grid; pure noise at its first step without image-to-image starts. */
function startStates(
  { sampler, autoencoder, settings }: AdtSetup,
  batch: AdtBatch,
  from: number,
  step: number,
): tf.Tensor {
  return tf.tidy(() => {
    const x0 = autoencoder.encode(batch.images), [count, ...shape] = x0.shape as [number, ...number[]];
    const key = { seed: settings.seed, purpose: "roll-out noise", step };
    const noise = tf.tensor(normalBatch(key, Array.from({ length: count }, (_, i) => i), shape), x0.shape);
    return settings.imageToImage ? addNoise(sampler, from, x0, noise) : noise.mul(sampler.initNoiseSigma);
  });
}

async function updateGenerator(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  adversarial: tf.Tensor | null,
  batch: AdtBatch,
  step: number,
) {
  const { autoencoder, schedule, settings } = setup, { optimizer, seed } = settings;
  const diffusion = tf.tidy(() =>
    drawDiffusionBatch(autoencoder.encode(batch.images), batch.condition, schedule, { seed, step })
  );
  const lr = learningRate(optimizer, step, settings.steps);
  const scalars = stepScalars(step, lr, optimizer.betas),
    decay = tf.scalar(emaDecay(step, settings.emaDecay));
  const { next, loss, norms } = functions.updateGenerator(
    state.generator,
    adversarial,
    diffusion,
    scalars,
    decay,
  );
  const { noisy, timesteps, target } = diffusion;
  tf.dispose([noisy, timesteps, target, scalars, decay, state.generator]);
  const metrics = await numbers({
    loss_diffusion: loss,
    grad_norm: norms.total,
    grad_norm_diffusion: norms.diffusion,
    grad_norm_adv: norms.adversarial,
  });
  return { generator: next, metrics: { ...metrics, lr } };
}

async function updateDiscriminator(
  setup: AdtSetup,
  functions: AdtFunctions,
  state: AdtState,
  generated: tf.Tensor,
  { images: positive, reference, ...batch }: AdtBatch,
  step: number,
) {
  const { discriminatorOptimizer: optimizer, steps } = setup.settings;
  const scalars = stepScalars(step, learningRate(optimizer, step, steps), optimizer.betas);
  const augmentations = augmentationsOf(
    setup,
    { images: positive, reference, ...batch },
    ["generated", "real", "positive"],
    step,
    "discriminator",
  );
  const { next, loss, scoreReal, scoreFake, gradNorm } = functions.updateDiscriminator(
    state.discriminator,
    { generated, reference, positive },
    augmentations,
    scalars,
  );
  tf.dispose([scalars, augmentations, state.discriminator]);
  const metrics = await numbers({
    loss_discriminator: loss,
    score_real: scoreReal,
    score_fake: scoreFake,
    grad_norm_discriminator: gradNorm,
  });
  return { discriminator: next, metrics };
}

/** Independent augmentations of each kind of image, drawn anew for each side's update. */
function augmentationsOf<K extends string>(
  { settings }: AdtSetup,
  { images }: AdtBatch,
  kinds: K[],
  step: number,
  side: string,
) {
  const samples = Array.from({ length: images.shape[0]! }, (_, i) => i);
  const entries = kinds.map((kind) => {
    const key = { seed: settings.seed, purpose: `augmentation of ${kind} for the ${side}`, step };
    return [kind, augmentationTensors(drawAugmentation(key, samples, settings.augmentation))];
  });
  return Object.fromEntries(entries) as Record<K, ReturnType<typeof augmentationTensors>>;
}

/** Reads scalars, asynchronously as WebGPU needs it, and disposes them. */
async function numbers(scalars: Record<string, tf.Tensor>): Promise<StepMetrics> {
  const entries = Object.entries(scalars);
  const values = await Promise.all(entries.map(async ([name, x]) => [name, (await x.data())[0]!] as const));
  tf.dispose(scalars);
  return Object.fromEntries(values);
}
