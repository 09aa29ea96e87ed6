import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Dinov2Config } from "../models/dinov2/config.ts";
import type { Dinov2Inputs, Dinov2Outputs } from "../models/dinov2/dinov2.ts";
import { type Normalisation, normalise } from "../models/feature_extractor.ts";
import type { Model } from "../models/model.ts";
import type { Declarations } from "../nn/declare.ts";
import { linear } from "../nn/layers.ts";
import { uniform } from "../runtime/random.ts";
import type { Params } from "../tensor/params.ts";
import { type Damage, damageImages } from "./damage_images.ts";
import { keepDeclared, minimise, type Training, type TrainingRun } from "./minimise.ts";
import { crossEntropy } from "./pretrain_classifier.ts";

/** Settings of a backbone's self-supervised training. */
export interface BackboneTraining extends Training {
  /** Share of the patches that are hidden. */
  maskRatio: number;
  /**
   * What is done to the patches that are seen; undoing it is part of the task, so the features tell an image's shapes and
   * are smooth in the rest. Measured: a discriminator on them is less sure of itself, and its gradient better.
   */
  damage: Damage;
  /** Weight of the classification loss, for a data set with labels; 0 trains without them. */
  classWeight: number;
}

export interface BackboneSetup {
  model: Model<Dinov2Config, Dinov2Inputs, Dinov2Outputs>;
  /** Pixel statistics to remove; the same are to be given when the backbone is used. */
  normalise: Normalisation;
  dataset: Dataset;
}

/** Images [B,H,W,3] in [−1,1], the same damaged, which patches are hidden [B,h·w], and classes [B] to be learnt. */
type MaskedImages = { images: tf.Tensor; damaged: tf.Tensor; mask: tf.Tensor2D; labels?: tf.Tensor1D };

/** Names of the layers that predict pixels and classes; they are no part of the backbone. */
const PIXEL_HEAD = "pixel_head", CLASS_HEAD = "class_head";

/**
 * Trains a Dinov2Model by masked-image modelling: hidden patches are replaced by the mask token, as in
 * DINOv2's iBOT objective, and their pixels are predicted from the patch tokens by one linear layer (SimMIM, Xie et al.
 * 2022). The patches that are seen are damaged by blur and noise, and are restored with them. Predicting pixels instead
 * of a teacher's codes is this project's choice: on small images it learns in minutes and cannot collapse. With a
 * `classWeight` the mean of the patch tokens also learns the image's class, by one linear layer and cross-entropy, so
 * that the patches of these few images tell more than their neighbourhood.
 *
 * @returns the averaged weights, without the predicting layers, and the number of updates done (fewer when the signal
 * stopped it)
 */
export async function pretrainBackbone(
  { model, normalise: statistics, dataset }: BackboneSetup,
  training: BackboneTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize, maskRatio, classWeight } = training, classes = dataset.classCount ?? 0;
  if (classWeight > 0 && classes === 0) throw new Error("pretrainBackbone(): the data set has no labels");
  const { patch_size, hidden_size, num_channels, image_size } = model.config;
  const declarations: Declarations = { ...model.declarations };
  const restore = linear(declarations, PIXEL_HEAD, { in: hidden_size, out: patch_size ** 2 * num_channels });
  const classify = classWeight > 0
    ? linear(declarations, CLASS_HEAD, { in: hidden_size, out: classes })
    : null;
  const loader = makeLoader(dataset, { batchSize, seed });
  const patches = Math.floor(image_size / patch_size) ** 2;
  const objective = {
    declarations,
    async batch(step: number): Promise<MaskedImages> {
      const { images, labels } = await loader.batch(step - 1);
      const draws = uniform({ seed, purpose: "hidden patches", step, sample: 0 }, batchSize * patches);
      const mask = tf.tensor2d(draws.map((u) => u < maskRatio ? 1 : 0), [batchSize, patches]);
      const damaged = damageImages(images, training.damage, { seed, step });
      return { images, damaged, mask, ...(classify && { labels: tf.tensor1d(labels!, "int32") }) };
    },
    loss(params: Params, { images, damaged, mask, labels }: MaskedImages) {
      const pixel_values = normalise(damaged, statistics);
      const tokens = model.forward(params, { pixel_values, mask }).last_hidden_state;
      const [batch, count, width] = tokens.shape as [number, number, number];
      const patches = tokens.slice([0, 1, 0], [batch, count - 1, width]);
      const pixels = patchesOf(normalise(images, statistics), patch_size);
      const restoration = restore(params, patches).sub(pixels).square().mean();
      if (!classify) return restoration;
      const classLoss = crossEntropy(tf.oneHot(labels!, classes), classify(params, patches.mean(1)));
      return restoration.add(classLoss.mul(classWeight));
    },
  };
  const { params, steps } = await minimise(objective, training, run);
  return { params: keepDeclared(params, model.declarations), steps };
}

/** The pixels of each patch: [B,H,W,C] → [B,h·w,patch²·C], patches in rows. */
function patchesOf(images: tf.Tensor, patch: number): tf.Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  return images.reshape([batch, height / patch, patch, width / patch, patch, channels])
    .transpose([0, 1, 3, 2, 4, 5])
    .reshape([batch, height / patch * (width / patch), patch * patch * channels]);
}
