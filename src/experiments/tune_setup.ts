import * as tf from "@tensorflow/tfjs";
import { digitsAugmentation, noAugmentation } from "../adt/augmentation.ts";
import { twinDiscriminator } from "../adt/discriminator.ts";
import type { AdtBatch, AdtSetup, AdtState } from "../adt/setup.ts";
import { join } from "node:path";
import type { Batch } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import { type Autoencoder, spaceToDepth } from "../models/autoencoder.ts";
import { loadDinov2Features, loadUNet2DCondition } from "../models/load.ts";
import { unetDenoiser } from "../models/unet_denoiser.ts";
import { initParams, shapesOf } from "../nn/declare.ts";
import { samplerFromConfig } from "../sampling/from_config.ts";
import { noiseSchedule } from "../sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../sampling/scheduler_config.ts";
import { flatten, layoutOf, unflatten } from "../tensor/params.ts";
import { zeroMoments } from "../training/adamw.ts";
import { classTokens } from "../training/class_tokens.ts";
import { initialState } from "../training/training_state.ts";
import { saveParams } from "../weights/checkpoint.ts";
import { checkClassTokens, requireClasses } from "./class_conditional.ts";
import { openDataset } from "./open_dataset.ts";
import { optimizerOptions } from "./optimizer_options.ts";
import { SAMPLER_CLASSES } from "./sampler_names.ts";
import type { TuneConfig } from "./tune_config.ts";
import { writeJson } from "./write_json.ts";

/** A tuning that is ready to run. */
export interface Tuning {
  setup: AdtSetup;
  /** State before the first step. */
  initial: AdtState;
  /** Reads the batch of step 1, 2, …; the caller disposes its tensors. */
  batch(step: number): Promise<AdtBatch>;
  /** Writes the network of some tuned weights [P] to a folder. */
  save(folder: string, weights: tf.Tensor): Promise<void>;
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
  const nullTokens = classTokens([-1], classes), autoencoder = spaceToDepth(2);
  const setup: AdtSetup = {
    denoiser: unetDenoiser(model, schedule.predictionType),
    params: (weights) => unflatten(weights, layout),
    autoencoder,
    schedule,
    sampler: samplerFromConfig(
      { ...schedulerConfig, _class_name: SAMPLER_CLASSES[config.sampler.name] },
      config.sampler.steps,
    ),
    nullCondition: () => nullTokens,
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
  return {
    setup,
    initial,
    batch: async (step) =>
      classBatch(await loader.batch(step - 1), autoencoder, classes, discriminator.pairing),
    async save(folder, weights) {
      // JSON has no infinity; where diffusers writes one, it is the default of a key left out
      const writable = Object.entries(schedulerConfig).filter(([, value]) =>
        Math.abs(Number(value)) !== Infinity
      );
      await writeJson(join(folder, "scheduler_config.json"), Object.fromEntries(writable));
      const params = tf.tidy(() => unflatten(weights, layout));
      await saveParams(folder, unetConfig, params, { dtype: "F32", kind: "diffusers" });
      tf.dispose(params);
    },
    dispose: () => tf.dispose([backbone, nullTokens]),
  };
}

/** Images, latents, class tokens and each image's partner, from a batch of the data set. */
function classBatch(
  { images, labels }: Batch,
  autoencoder: Autoencoder,
  classes: number,
  pairing: "image" | "condition",
): AdtBatch {
  return tf.tidy(() => ({
    images,
    latents: autoencoder.encode(images),
    condition: classTokens(labels!, classes),
    reference: pairing === "image"
      ? images.clone()
      : tf.gather(images, tf.tensor1d(partners(labels!), "int32")),
  }));
}

/** For each sample the next one of the batch with the same label; itself where there is no other. */
function partners(labels: ArrayLike<number>): Int32Array {
  return Int32Array.from(labels, (label, i) => {
    for (let k = 1; k < labels.length; k++) {
      const j = (i + k) % labels.length;
      if (labels[j] === label) return j;
    }
    return i;
  });
}
