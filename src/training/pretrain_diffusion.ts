import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Autoencoder } from "../models/autoencoder.ts";
import type { Model } from "../models/model.ts";
import type { UNet2DConditionConfig, UNetInputs } from "../models/unet2d_condition.ts";
import { type Declarations, initParams } from "../nn/declare.ts";
import { uniform } from "../runtime/random.ts";
import type { NoiseSchedule } from "../sampling/noise_schedule.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { valueAndGrad } from "../tensor/vjp.ts";
import { adamw, type AdamWOptions, stepScalars } from "./adamw.ts";
import { classTokens, dropLabels } from "./class_tokens.ts";
import { drawDiffusionBatch } from "./diffusion_batch.ts";
import { type DiffusionBatch, diffusionLoss } from "./diffusion_loss.ts";
import { emaDecay, emaUpdate } from "./ema.ts";
import { type StepMetrics, trainingLoop } from "./loop.ts";
import { initialState, type TrainingState } from "./training_state.ts";
import { learningRate, type LearningRateSchedule } from "./schedules.ts";
import { unetDenoiser } from "../models/unet_denoiser.ts";

/** Settings of a diffusion model's training from scratch. */
export interface DiffusionTraining {
  steps: number;
  batchSize: number;
  seed: number;
  optimizer: AdamWOptions & LearningRateSchedule;
  emaDecay: number;
  /** Share of samples trained without condition, for classifier-free guidance. */
  conditionDropout: number;
}

/** What is trained, and on what. */
export interface DiffusionSetup {
  unet: Model<UNet2DConditionConfig, UNetInputs>;
  autoencoder: Autoencoder;
  schedule: NoiseSchedule;
  dataset: Dataset;
}

export interface TrainingRun {
  /** Where to go on: the state after `step` updates; it becomes the training's own. */
  resume?: { state: TrainingState; step: number };
  signal?: AbortSignal;
  /** Called after each update; the state is the training's and changes with the next one. */
  onStep?(step: number, metrics: StepMetrics, state: TrainingState): void | Promise<void>;
}

/**
 * Trains a class-conditional diffusion model from scratch by the diffusion loss (Ho et al. 2020) with AdamW and EMA.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export async function pretrainDiffusion(
  setup: DiffusionSetup,
  training: DiffusionTraining,
  { resume, signal, onStep }: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { unet, autoencoder, schedule, dataset } = setup, { seed, batchSize, optimizer } = training;
  const layout = layoutOf(
    Object.fromEntries(Object.entries(unet.declarations).map(([name, d]) => [name, d.shape])),
  );
  const loader = makeLoader(dataset, { batchSize, seed });
  const update = compiledUpdate(setup, layout, training);
  let state = resume?.state ?? initialState(flattenedInit(unet, layout, seed));

  const steps = await trainingLoop({
    from: resume?.step,
    steps: training.steps,
    signal,
    onStep: (step, metrics) => onStep?.(step, metrics, state),
    async update(step) {
      const { images, labels } = await loader.batch(step - 1);
      const dropped = dropLabels(
        labels!,
        uniform({ seed, purpose: "condition dropout", step, sample: 0 }, batchSize),
        training.conditionDropout,
      );
      const batch = tf.tidy(() =>
        drawDiffusionBatch(autoencoder.encode(images), classTokens(dropped, dataset.classCount!), schedule, {
          seed,
          step,
        })
      );
      const lr = learningRate(optimizer, step, training.steps);
      const scalars = stepScalars(step, lr, optimizer.betas),
        decay = tf.scalar(emaDecay(step, training.emaDecay));
      const { next, loss, gradNorm } = update(state, batch, scalars, decay);
      const metrics = { loss: loss.dataSync()[0]!, grad_norm: gradNorm.dataSync()[0]!, lr };
      tf.dispose([images, batch, scalars, decay, state, loss, gradNorm]);
      state = next;
      return metrics;
    },
  });
  update.dispose();
  const params = tf.tidy(() => unflatten(state.average, layout));
  tf.dispose(state);
  return { params, steps };
}

function flattenedInit(model: { declarations: Declarations }, layout: Layout, seed: number): tf.Tensor1D {
  return tf.tidy(() => flatten(initParams(model.declarations, seed), layout));
}

function compiledUpdate(
  { unet, schedule }: DiffusionSetup,
  layout: Layout,
  { optimizer }: DiffusionTraining,
) {
  const denoiser = unetDenoiser(unet, schedule.predictionType);
  return compile(
    function diffusionUpdate(
      state: TrainingState,
      batch: DiffusionBatch,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const { value: loss, grads } = valueAndGrad(
        (weights) => diffusionLoss(denoiser, unflatten(weights, layout), batch),
        [state.weights],
      );
      const { weights, moments, gradNorm } = adamw(
        state.weights,
        state.moments,
        grads[0]!,
        scalars,
        optimizer,
      );
      const next: TrainingState = { weights, moments, average: emaUpdate(state.average, weights, decay) };
      return { next, loss, gradNorm };
    },
  );
}
