import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Dinov2Config } from "../models/dinov2_config.ts";
import type { Dinov2Inputs, Dinov2Outputs } from "../models/dinov2.ts";
import { type Normalisation, normalise } from "../models/feature_extractor.ts";
import type { Model } from "../models/model.ts";
import { type Declarations, initParams, type Layer } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { uniform } from "../runtime/random.ts";
import { compile } from "../tensor/compile.ts";
import { flatten, type Layout, layoutOf, type Params, unflatten } from "../tensor/params.ts";
import { valueAndGrad } from "../tensor/vjp.ts";
import { adamw, type AdamWOptions, stepScalars } from "./adamw.ts";
import { emaDecay, emaUpdate } from "./ema.ts";
import { trainingLoop } from "./loop.ts";
import type { TrainingRun } from "./pretrain_diffusion.ts";
import { learningRate, type LearningRateSchedule } from "./schedules.ts";
import { initialState, type TrainingState } from "./training_state.ts";

/** Settings of a backbone's self-supervised training. */
export interface BackboneTraining {
  steps: number;
  batchSize: number;
  seed: number;
  optimizer: AdamWOptions & LearningRateSchedule;
  emaDecay: number;
  /** Share of the patches that are hidden. */
  maskRatio: number;
}

export interface BackboneSetup {
  model: Model<Dinov2Config, Dinov2Inputs, Dinov2Outputs>;
  /** Pixel statistics to remove; the same are to be given when the backbone is used. */
  normalise: Normalisation;
  dataset: Dataset;
}

/** Name of the layer that predicts pixels; it is no part of the backbone. */
const HEAD = "pixel_head";

/**
 * Trains a Dinov2Model without labels, by masked-image modelling: hidden patches are replaced by the mask token, as in
 * DINOv2's iBOT objective, and their pixels are predicted from the patch tokens by one linear layer (SimMIM, Xie et al.
 * 2022). Predicting pixels instead of a teacher's codes is this project's choice: on small images it learns in minutes
 * and cannot collapse.
 *
 * @returns the averaged weights, without the predicting layer, and the number of updates done (fewer when the signal
 * stopped it)
 */
export async function pretrainBackbone(
  setup: BackboneSetup,
  training: BackboneTraining,
  { resume, signal, onStep }: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { model, dataset } = setup, { seed, batchSize, optimizer } = training;
  const { patch_size, hidden_size, num_channels, image_size } = model.config;
  const declarations: Declarations = { ...model.declarations };
  const predict = linear(declarations, HEAD, { in: hidden_size, out: patch_size ** 2 * num_channels });
  const layout = layoutOf(Object.fromEntries(Object.entries(declarations).map(([k, d]) => [k, d.shape])));
  const loader = makeLoader(dataset, { batchSize, seed });
  const update = compiledUpdate(setup, predict, layout, training);
  const patches = Math.floor(image_size / patch_size) ** 2;
  let state = resume?.state ?? initialState(tf.tidy(() => flatten(initParams(declarations, seed), layout)));

  const steps = await trainingLoop({
    from: resume?.step,
    steps: training.steps,
    signal,
    onStep: (step, metrics) => onStep?.(step, metrics, state),
    async update(step) {
      const { images } = await loader.batch(step - 1);
      const hidden = uniform({ seed, purpose: "hidden patches", step, sample: 0 }, batchSize * patches)
        .map((u) => u < training.maskRatio ? 1 : 0);
      const mask = tf.tensor2d(hidden, [batchSize, patches]);
      const lr = learningRate(optimizer, step, training.steps);
      const scalars = stepScalars(step, lr, optimizer.betas);
      const decay = tf.scalar(emaDecay(step, training.emaDecay));
      const { next, loss, gradNorm } = update(state, images, mask, scalars, decay);
      const metrics = { loss: (await loss.data())[0]!, grad_norm: (await gradNorm.data())[0]!, lr };
      tf.dispose([images, mask, scalars, decay, state, loss, gradNorm]);
      state = next;
      return metrics;
    },
  });
  update.dispose();
  const params = tf.tidy(() => {
    const all = unflatten(state.average, layout);
    return Object.fromEntries(Object.keys(model.declarations).map((name) => [name, all[name]!]));
  });
  tf.dispose(state);
  return { params, steps };
}

function compiledUpdate(
  { model, normalise: statistics }: BackboneSetup,
  predict: Layer,
  layout: Layout,
  { optimizer }: BackboneTraining,
) {
  return compile(
    function backboneUpdate(
      state: TrainingState,
      images: tf.Tensor,
      mask: tf.Tensor,
      scalars: tf.Tensor1D,
      decay: tf.Scalar,
    ) {
      const pixel_values = normalise(images, statistics);
      const target = patchesOf(pixel_values, model.config.patch_size);
      const lossOf = (weights: tf.Tensor) => {
        const params = unflatten(weights, layout);
        const tokens = model.forward(params, { pixel_values, mask }).last_hidden_state;
        const [batch, count, width] = tokens.shape as [number, number, number];
        const predicted = predict(params, tokens.slice([0, 1, 0], [batch, count - 1, width]));
        const errors = predicted.sub(target).square().mean(2); // [B,h·w]
        return errors.mul(mask).sum().div(mask.sum().maximum(1));
      };
      const { value: loss, grads } = valueAndGrad(lossOf, [state.weights]);
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

/** The pixels of each patch: [B,H,W,C] → [B,h·w,patch²·C], patches in rows. */
function patchesOf(images: tf.Tensor, patch: number): tf.Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  return images.reshape([batch, height / patch, patch, width / patch, patch, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([batch, height / patch * (width / patch), patch * patch * channels]);
}
