import * as tf from "@tensorflow/tfjs";
import { digitsAugmentation, noAugmentation } from "../adt/augmentation.ts";
import { twinDiscriminator } from "../adt/discriminator.ts";
import type { AdtBatch, AdtSetup, AdtState } from "../adt/setup.ts";
import type { Batch, Dataset } from "../data/dataset.ts";
import { type Loader, makeLoader } from "../data/loader.ts";
import { spaceToDepth } from "../models/autoencoder.ts";
import { loadDinov2Features, loadUNet2DCondition } from "../models/load.ts";
import { unetDenoiser } from "../models/unet_denoiser.ts";
import { initParams, shapesOf } from "../nn/declare.ts";
import { samplerFromConfig } from "../sampling/from_config.ts";
import { noiseSchedule } from "../sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../sampling/scheduler_config.ts";
import { flatten, layoutOf } from "../tensor/params.ts";
import { zeroMoments } from "../training/adamw.ts";
import { classTokens } from "../training/class_tokens.ts";
import { initialState } from "../training/training_state.ts";
import type { Config } from "../weights/config.ts";
import { checkClassTokens, requireClasses } from "./class_conditional.ts";
import { openDataset } from "./open_dataset.ts";
import { optimizerOptions } from "./optimizer_options.ts";
import { SAMPLER_CLASSES } from "./sampler_names.ts";
import type { TuneConfig } from "./tune_config.ts";

/** A tuning that is ready to run. */
export interface Tuning {
  setup: AdtSetup;
  /** State before the first step. */
  initial: AdtState;
  loader: Loader;
  dataset: Dataset;
  /** `config.json` of the tuned network and the scheduler's, to be saved beside the result. */
  unetConfig: Config;
  schedulerConfig: Config;
  /** Frees what the setup holds on to (not the state). */
  dispose(): void;
}

/** Loads all that a tuning's configuration names. */
export async function prepareTuning(config: TuneConfig): Promise<Tuning> {
  const { model, params, config: unetConfig } = await loadUNet2DCondition(config.model.unet);
  const schedulerConfig = await readSchedulerConfig(config.model.scheduler);
  const schedule = noiseSchedule(schedulerConfig);
  const dataset = await openDataset(config.data);
  const classes = requireClasses(dataset);
  checkClassTokens(model.config, classes);
  const { discriminator } = config.adt;
  const { extractor, channels, params: backbone } = await loadDinov2Features(
    discriminator.backbone,
    discriminator.blocks,
  );
  const twin = twinDiscriminator({ score: discriminator.score, channels, width: 64, embedding: 64 });
  const layout = layoutOf(shapesOf(model.declarations)), headLayout = layoutOf(shapesOf(twin.declarations));
  const optimizer = optimizerOptions(config.optimizer);
  const augmentation = discriminator.augment ? digitsAugmentation : noAugmentation;
  const nullCondition = classTokens([-1], classes);
  const setup: AdtSetup = {
    denoiser: unetDenoiser(model, schedule.predictionType),
    layout,
    autoencoder: spaceToDepth(2),
    schedule,
    sampler: samplerFromConfig(
      { ...schedulerConfig, _class_name: SAMPLER_CLASSES[config.sampler.name] },
      config.sampler.steps,
    ),
    nullCondition,
    adversary: { discriminator: twin, extractor, loss: discriminator.loss, fill: augmentation.fill },
    headLayout,
    settings: {
      steps: config.train.steps,
      seed: config.train.seed,
      plan: config.adt.plan,
      imageToImage: config.adt.image_to_image,
      startGroups: config.adt.start_groups ?? [4, 2, 1].find((n) => config.train.batch_size % n === 0)!,
      discriminatorHeadStart: discriminator.head_start,
      lambdaAdv: config.adt.lambda_adv,
      lambdaDiffusion: config.adt.lambda_diffusion,
      advNormCap: config.adt.adv_norm_cap,
      guidanceScale: config.sampler.guidance_scale,
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
    },
  };
  const initial = tf.tidy(() => ({
    generator: initialState(flatten(params, layout)),
    discriminator: {
      weights: flatten(initParams(twin.declarations, config.train.seed), headLayout),
      moments: zeroMoments(headLayout.length),
    },
  }));
  tf.dispose(params);
  const loader = makeLoader(dataset, { batchSize: config.train.batch_size, seed: config.train.seed });
  const dispose = () => tf.dispose([backbone, nullCondition]);
  return { setup, initial, loader, dataset, unetConfig, schedulerConfig, dispose };
}

/** Images, class tokens and each image's partner, from a batch of the data set. */
export function adtBatch(
  { images, labels }: Batch,
  classes: number,
  pairing: "image" | "condition",
): AdtBatch {
  const reference = pairing === "image"
    ? images.clone()
    : tf.gather(images, tf.tensor1d(partners(labels!), "int32"));
  return { images, condition: classTokens(labels!, classes), reference };
}

/** For each sample the next one of the batch with the same label; itself where there is no other. */
export function partners(labels: ArrayLike<number>): Int32Array {
  return Int32Array.from(labels, (label, i) => {
    for (let k = 1; k < labels.length; k++) {
      const j = (i + k) % labels.length;
      if (labels[j] === label) return j;
    }
    return i;
  });
}
