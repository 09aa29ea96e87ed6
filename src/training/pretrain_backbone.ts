import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Dinov2Config } from "../models/dinov2_config.ts";
import type { Dinov2Inputs, Dinov2Outputs } from "../models/dinov2.ts";
import { type Normalisation, normalise } from "../models/feature_extractor.ts";
import type { Model } from "../models/model.ts";
import type { Declarations } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { uniform } from "../runtime/random.ts";
import type { Params } from "../tensor/params.ts";
import { type Damage, damageImages } from "./damage_images.ts";
import { minimise, type Training, type TrainingRun } from "./minimise.ts";

/** Settings of a backbone's self-supervised training. */
export interface BackboneTraining extends Training {
  /** Share of the patches that are hidden. */
  maskRatio: number;
  /**
   * What is done to the patches that are seen; undoing it is part of the task, so the features tell an image's shapes and
   * are smooth in the rest. Measured: a discriminator on them is less sure of itself, and its gradient better.
   */
  damage: Damage;
}

export interface BackboneSetup {
  model: Model<Dinov2Config, Dinov2Inputs, Dinov2Outputs>;
  /** Pixel statistics to remove; the same are to be given when the backbone is used. */
  normalise: Normalisation;
  dataset: Dataset;
}

/** Images [B,H,W,3] in [−1,1], the same damaged, and which patches are hidden [B,h·w]. */
type MaskedImages = { images: tf.Tensor; damaged: tf.Tensor; mask: tf.Tensor2D };

/** Name of the layer that predicts pixels; it is no part of the backbone. */
const HEAD = "pixel_head";

/**
 * Trains a Dinov2Model without labels, by masked-image modelling: hidden patches are replaced by the mask token, as in
 * DINOv2's iBOT objective, and their pixels are predicted from the patch tokens by one linear layer (SimMIM, Xie et al.
 * 2022). The patches that are seen are damaged by blur and noise, and are restored with them. Predicting pixels instead of a teacher's codes is this project's choice: on small images it learns in minutes
 * and cannot collapse.
 *
 * @returns the averaged weights, without the predicting layer, and the number of updates done (fewer when the signal
 * stopped it)
 */
export async function pretrainBackbone(
  { model, normalise: statistics, dataset }: BackboneSetup,
  training: BackboneTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize, maskRatio } = training;
  const { patch_size, hidden_size, num_channels, image_size } = model.config;
  const declarations: Declarations = { ...model.declarations };
  const predict = linear(declarations, HEAD, { in: hidden_size, out: patch_size ** 2 * num_channels });
  const loader = makeLoader(dataset, { batchSize, seed });
  const patches = Math.floor(image_size / patch_size) ** 2;
  const objective = {
    declarations,
    async batch(step: number): Promise<MaskedImages> {
      const { images } = await loader.batch(step - 1);
      const draws = uniform({ seed, purpose: "hidden patches", step, sample: 0 }, batchSize * patches);
      const mask = tf.tensor2d(draws.map((u) => u < maskRatio ? 1 : 0), [batchSize, patches]);
      return { images, damaged: damageImages(images, training.damage, { seed, step }), mask };
    },
    loss(params: Params, { images, damaged, mask }: MaskedImages) {
      const pixel_values = normalise(damaged, statistics);
      const tokens = model.forward(params, { pixel_values, mask }).last_hidden_state;
      const [batch, count, width] = tokens.shape as [number, number, number];
      const predicted = predict(params, tokens.slice([0, 1, 0], [batch, count - 1, width]));
      return predicted.sub(patchesOf(normalise(images, statistics), patch_size)).square().mean();
    },
  };
  const { params, steps } = await minimise(objective, training, run);
  for (const name of Object.keys(params)) {
    if (name in model.declarations) continue;
    params[name]!.dispose();
    delete params[name];
  }
  return { params, steps };
}

/** The pixels of each patch: [B,H,W,C] → [B,h·w,patch²·C], patches in rows. */
function patchesOf(images: tf.Tensor, patch: number): tf.Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  return images.reshape([batch, height / patch, patch, width / patch, patch, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([batch, height / patch * (width / patch), patch * patch * channels]);
}
