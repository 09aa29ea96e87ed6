import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import { type AutoencoderKL, posteriorKL, samplePosterior } from "../models/autoencoder_kl/autoencoder_kl.ts";
import { pixelsPerLatent } from "../models/autoencoder_kl/tiles.ts";
import type { FeatureExtractor } from "../models/feature_extractor.ts";
import { normalBatch } from "../runtime/random.ts";
import type { Params } from "../tensor/params.ts";
import { minimise, type Training, type TrainingRun } from "./minimise.ts";
import { perceptualLoss } from "./perceptual_loss.ts";

/**
 * Settings of an autoencoder's training. The loss is
 *
 *     l1Weight·L1 + perceptual.weight·distance + klWeight·KL/N
 *
 * with L1 the mean of |reconstruction − image| over all pixel values in [−1,1], the distance of `perceptualLoss`, KL the
 * divergence of `posteriorKL`, a sum over an image's latent numbers, in the mean over images, and N = H·W·3 an image's pixel
 * values. That is the loss of Rombach et al. 2022 (appendix G) without its adversarial part, in units of a pixel value: their
 * code sums both terms over an image, so their weight of 10⁻⁶ means the same here.
 */
export interface AutoencoderTraining extends Training {
  l1Weight: number;
  klWeight: number;
}

/** A frozen network whose features are compared, and how much they count. */
export interface Perceptual {
  extractor: FeatureExtractor;
  weight: number;
}

export interface AutoencoderSetup {
  model: AutoencoderKL;
  /** Left out: pixels alone are compared. */
  perceptual?: Perceptual;
  /** Images whose sides the model divides. */
  dataset: Dataset;
}

/** Images [B,H,W,3] in [−1,1] and standard normal noise [B,h,w,latent_channels], with which latents are drawn. */
export type NoisedImages = { images: tf.Tensor; noise: tf.Tensor };

/** What `autoencoderLoss` gives after the loss; without a perceptual part that one is left out. */
export const MEASURES = ["l1", "perceptual", "kl", "psnr"] as const;

/**
 * Trains an AutoencoderKL from scratch to reconstruct images from latents drawn from its posteriors (Kingma & Welling 2014;
 * Rombach et al. 2022), with AdamW and EMA. A draw depends on the seed, the update and the image's place in the batch only.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export function pretrainAutoencoder(
  { model, perceptual, dataset }: AutoencoderSetup,
  training: AutoencoderTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize } = training, factor = pixelsPerLatent(model.config);
  const loader = makeLoader(dataset, { batchSize, seed });
  const samples = Array.from({ length: batchSize }, (_, i) => i);
  const objective = {
    declarations: model.declarations,
    measures: MEASURES.filter((name) => perceptual || name !== "perceptual"),
    loss: autoencoderLoss.bind(null, model, { ...training, perceptual }),
    async batch(step: number): Promise<NoisedImages> {
      const { images } = await loader.batch(step - 1);
      const [, height, width] = images.shape;
      const shape = [height / factor, width / factor, model.config.latent_channels];
      const noise = normalBatch({ seed, purpose: "posterior noise", step }, samples, shape);
      return { images, noise: tf.tensor(noise, [batchSize, ...shape]) };
    },
  };
  return minimise(objective, training, run);
}

/**
 * The loss of one batch, see `AutoencoderTraining`, and what it is made of: L1, perceptual distance (where there is one), KL
 * in nats per image, and the reconstructions' peak signal-to-noise ratio.
 *
 * @returns [1+n], the loss and then the `MEASURES`
 */
export function autoencoderLoss(
  model: AutoencoderKL,
  { l1Weight, klWeight, perceptual }: Pick<AutoencoderTraining, "l1Weight" | "klWeight"> & {
    perceptual?: Perceptual;
  },
  params: Params,
  { images, noise }: NoisedImages,
): tf.Tensor {
  const posterior = model.encode(params, images);
  const reconstructions = model.decode(params, samplePosterior(posterior, noise));
  const pixelValues = images.size / images.shape[0]!;
  const l1 = reconstructions.sub(images).abs().mean(), kl = posteriorKL(posterior).mean();
  const distance = perceptual && perceptualLoss(perceptual.extractor, reconstructions, images);
  let loss = l1.mul(l1Weight).add(kl.mul(klWeight / pixelValues));
  if (perceptual) loss = loss.add(distance!.mul(perceptual.weight));
  return tf.stack([loss, l1, ...distance ? [distance] : [], kl, psnr(reconstructions, images).mean()]);
}

/**
 * Peak signal-to-noise ratio of images in [−1,1], which are clipped first: 10·log₁₀(2²/mean squared difference), in decibels;
 * at most 126.
 *
 * @param images [B,H,W,C]
 * @param targets of the same shape
 * @returns [B]
 */
export function psnr(images: tf.Tensor, targets: tf.Tensor): tf.Tensor1D {
  const error = images.clipByValue(-1, 1).sub(targets).square().mean([1, 2, 3]);
  return error.add(1e-12).log().mul(-10 / Math.LN10).add(20 * Math.log10(2)) as tf.Tensor1D;
}
