import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { DigitClassifier } from "../models/digit_classifier.ts";
import { initParams } from "../nn/declare.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { valueAndGrad } from "../tensor/vjp.ts";
import { adamw, type AdamWOptions, stepScalars } from "./adamw.ts";
import { emaDecay, emaUpdate } from "./ema.ts";
import { trainingLoop } from "./loop.ts";
import type { TrainingRun } from "./pretrain_diffusion.ts";
import { randomViews, type ViewRange } from "./random_views.ts";
import { learningRate, type LearningRateSchedule } from "./schedules.ts";
import { initialState, type TrainingState } from "./training_state.ts";

/** Settings of a classifier's training. */
export interface ClassifierTraining {
  steps: number;
  batchSize: number;
  seed: number;
  optimizer: AdamWOptions & LearningRateSchedule;
  emaDecay: number;
  /** Random views that augment the images. */
  views: ViewRange;
}

/**
 * Trains the evaluation network on labelled images by cross-entropy, with random views, AdamW and EMA.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export async function pretrainClassifier(
  { model, dataset }: { model: DigitClassifier; dataset: Dataset },
  training: ClassifierTraining,
  { resume, signal, onStep }: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize, optimizer } = training, { image_size, in_channels } = model.config;
  if (!dataset.classCount) throw new Error("pretrainClassifier(): the data set has no labels");
  const layout = layoutOf(
    Object.fromEntries(Object.entries(model.declarations).map(([k, d]) => [k, d.shape])),
  );
  const loader = makeLoader(dataset, { batchSize, seed });
  const update = compiledUpdate(model, layout, training);
  let state = resume?.state ??
    initialState(tf.tidy(() => flatten(initParams(model.declarations, seed), layout)));

  const steps = await trainingLoop({
    from: resume?.step,
    steps: training.steps,
    signal,
    onStep: (step, metrics) => onStep?.(step, metrics, state),
    async update(step) {
      const { images, labels, indices } = await loader.batch(step - 1);
      tf.util.assertShapesMatch(images.shape, [batchSize, image_size, image_size, in_channels], "images: ");
      const views = await randomViews(images, indices, { seed, purpose: "views", step }, training.views);
      const targets = tf.tensor1d(labels!, "int32");
      const lr = learningRate(optimizer, step, training.steps);
      const scalars = stepScalars(step, lr, optimizer.betas);
      const decay = tf.scalar(emaDecay(step, training.emaDecay));
      const { next, loss, gradNorm } = update(state, views, targets, scalars, decay);
      const metrics = { loss: loss.dataSync()[0]!, grad_norm: gradNorm.dataSync()[0]!, lr };
      tf.dispose([images, views, targets, scalars, decay, state, loss, gradNorm]);
      state = next;
      return metrics;
    },
  });
  update.dispose();
  const params = tf.tidy(() => unflatten(state.average, layout));
  tf.dispose(state);
  return { params, steps };
}

function compiledUpdate(
  model: DigitClassifier,
  layout: Layout,
  { optimizer }: ClassifierTraining,
) {
  const classes = model.config.num_classes;
  return compile(
    function classifierUpdate(
      state: TrainingState,
      images: tf.Tensor4D,
      labels: tf.Tensor1D,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const targets = tf.oneHot(labels, classes);
      const { value: loss, grads } = valueAndGrad(
        (weights) => crossEntropy(targets, model.logits(unflatten(weights, layout), images)),
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

/** Mean over the rows of −Σ target·log softmax(logits), targets and logits [...,K]. */
export function crossEntropy(targets: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return targets.mul(tf.logSoftmax(logits)).sum(-1).mean().neg();
}
