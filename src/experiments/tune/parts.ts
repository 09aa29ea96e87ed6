/**
 * What the tunings of a class-conditional UNet and of a pipeline have in common.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type AugmentationSettings, noAugmentation } from "../../adt/augmentation.ts";
import { chunksFit } from "../../adt/chunks.ts";
import { twinDiscriminator } from "../../adt/discriminator.ts";
import type { Adversary } from "../../adt/discriminator_gradients.ts";
import type { AdtSettings, AdtState } from "../../adt/setup.ts";
import type { Autoencoder } from "../../models/autoencoder.ts";
import { openBackbone } from "../../models/by_class/open_backbone.ts";
import { initParams, shapesOf } from "../../nn/declare.ts";
import { requireLinear } from "../../sampling/coefficients.ts";
import type { PredictionType } from "../../sampling/denoiser.ts";
import { fittingSampler } from "../../sampling/fitting_sampler.ts";
import { oneStep } from "../../sampling/one_step.ts";
import type { Sampler } from "../../sampling/sampler.ts";
import { flatten, type Layout, layoutOf } from "../../tensor/params.ts";
import { resize } from "../../tensor/resize.ts";
import { zeroMoments } from "../../training/adamw.ts";
import { optimizerOptions } from "../config/optimizer_options.ts";
import { type TuneConfig, wholeBatch } from "./config.ts";
import { trainedBackbone } from "./trained_backbone.ts";

/** A discriminator that is ready to be trained. */
export interface Judge {
  adversary: Adversary;
  headLayout: Layout;
  /** State before the first step, the caller's to dispose. */
  initial(): AdtState["discriminator"];
  /** What of the settings is the discriminator's. */
  augmentation: AugmentationSettings;
  dispose(): void;
}

/** Loads the discriminator that a configuration describes. @param augmentation of its inputs, where it is on */
export async function openJudge(
  { adt: { discriminator }, train }: TuneConfig,
  augmentation: AugmentationSettings,
): Promise<Judge> {
  const { score, loss, augment, backbone, blocks, train_backbone } = discriminator;
  const loaded = await openBackbone(backbone, blocks);
  const twin = twinDiscriminator({ score, channels: loaded.channels, width: 64, embedding: 64 });
  const { weights, extractor } = train_backbone
    ? trainedBackbone(loaded)
    : { weights: {}, extractor: loaded.extractor };
  const shapes = Object.entries<tf.Tensor>(weights).map(([name, { shape }]) => [name, shape]);
  const headLayout = layoutOf({ ...shapesOf(twin.declarations), ...Object.fromEntries(shapes) });
  const used = augment ? augmentation : noAugmentation;
  return {
    adversary: { discriminator: twin, extractor, loss, fill: used.fill },
    headLayout,
    initial: () =>
      tf.tidy(() => ({
        weights: flatten({ ...initParams(twin.declarations, train.seed), ...weights }, headLayout),
        moments: zeroMoments(headLayout.length),
      })),
    augmentation: used,
    dispose: () => tf.dispose(loaded.params),
  };
}

/**
 * The sampler, if a tuning can run it.
 *
 * @param model in words, for the error
 * @throws UserError when it runs on something else than the model predicts, or clips where it is trained through
 */
export function tunableSampler(
  sampler: Sampler,
  { sampler: { name }, adt }: TuneConfig,
  model: string,
  predictionType: PredictionType,
): Sampler {
  const fitting = fittingSampler(sampler, name, model, predictionType);
  if (adt.lambda_adv > 0) requireLinear(fitting, 0, fitting.steps.length);
  return adt.one_step ? oneStep(fitting) : fitting;
}

/** The numbers of a tuning. */
export function adtSettings(config: TuneConfig, augmentation: AugmentationSettings): AdtSettings {
  const { adt, train, sampler } = config, { discriminator } = adt, { accumulate = 1 } = train;
  const optimizer = optimizerOptions(config.optimizer);
  return {
    steps: train.steps,
    seed: train.seed,
    plan: adt.plan,
    imageToImage: adt.image_to_image,
    startGroups: adt.start_groups ??
      [4, 2, 1].find((n) => wholeBatch(train) % n === 0 && chunksFit(n, accumulate))!,
    accumulate,
    discriminatorHeadStart: discriminator.head_start,
    lambdaAdv: adt.lambda_adv,
    lambdaDiffusion: adt.lambda_diffusion,
    minSnrGamma: adt.min_snr_gamma ?? undefined,
    advNormCap: adt.adv_norm_cap,
    guidanceScale: sampler.guidance_scale,
    guidanceGradient: adt.guidance_gradient,
    divideByGuidanceScale: adt.divide_by_guidance_scale,
    lambdaAnchor: adt.lambda_anchor,
    conditionDropout: adt.condition_dropout,
    augmentation,
    optimizer,
    discriminatorOptimizer: {
      ...optimizer,
      lr: discriminator.lr,
      betas: discriminator.betas,
      weightDecay: 0,
      warmupSteps: 0,
      schedule: "constant",
    },
    emaDecay: config.ema_decay,
  };
}

/** An autoencoder whose images are brought to a side, for the discriminator; as it is without one. */
export function judgedAt(autoencoder: Autoencoder, resolution?: number): Autoencoder {
  if (resolution === undefined) return autoencoder;
  return { ...autoencoder, decode: (latents) => atResolution(autoencoder.decode(latents), resolution) };
}

/** Images [B,H,W,3] brought to a side, antialiased; new tensors also where they have it. */
export function atResolution(images: tf.Tensor, resolution = images.shape[1]!): tf.Tensor {
  return resize(images, [resolution, resolution]);
}

/** The partner of each image of a batch: itself, or the next one of the same condition where there is another. */
export function referenceOf(
  images: tf.Tensor,
  conditions: ArrayLike<unknown>,
  pairing: "image" | "condition",
): tf.Tensor {
  if (pairing === "image") return images.clone();
  return tf.tidy(() => tf.gather(images, tf.tensor1d(partners(conditions), "int32")));
}

/** For each sample the next one of the batch with the same condition; itself where there is no other. */
function partners(conditions: ArrayLike<unknown>): Int32Array {
  return Int32Array.from(conditions, (condition, i) => {
    for (let k = 1; k < conditions.length; k++) {
      const j = (i + k) % conditions.length;
      if (conditions[j] === condition) return j;
    }
    return i;
  });
}
