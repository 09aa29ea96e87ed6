import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { DigitClassifier } from "../models/digit_classifier.ts";
import type { Params } from "../tensor/params.ts";
import { minimise, type Training, type TrainingRun } from "./minimise.ts";
import { randomViews, type ViewRange } from "./random_views.ts";

/** Settings of a classifier's training. */
export interface ClassifierTraining extends Training {
  /** Random views that augment the images. */
  views: ViewRange;
}

/** Augmented images [B,H,W,C] and their classes [B]. */
type LabelledImages = { images: tf.Tensor; labels: tf.Tensor1D };

/**
 * Trains the evaluation network on labelled images by cross-entropy, with random views, AdamW and EMA.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export function pretrainClassifier(
  { model, dataset }: { model: DigitClassifier; dataset: Dataset },
  training: ClassifierTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize, views } = training, { image_size, in_channels, num_classes } = model.config;
  if (!dataset.classCount) throw new Error("pretrainClassifier(): the data set has no labels");
  const loader = makeLoader(dataset, { batchSize, seed });
  const objective = {
    declarations: model.declarations,
    loss: (params: Params, { images, labels }: LabelledImages) =>
      crossEntropy(tf.oneHot(labels, num_classes), model.logits(params, images)),
    async batch(step: number): Promise<LabelledImages> {
      const { images, labels, indices } = await loader.batch(step - 1);
      tf.util.assertShapesMatch(images.shape, [batchSize, image_size, image_size, in_channels], "images: ");
      const augmented = await randomViews(images, indices, { seed, purpose: "views", step }, views);
      images.dispose();
      return { images: augmented, labels: tf.tensor1d(labels!, "int32") };
    },
  };
  return minimise(objective, training, run);
}

/** Mean over the rows of −Σ target·log softmax(logits), targets and logits [...,K]. */
export function crossEntropy(targets: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return targets.mul(tf.logSoftmax(logits)).sum(-1).mean().neg();
}
