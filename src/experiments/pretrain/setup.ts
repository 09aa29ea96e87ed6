import { join } from "node:path";
import { DIGIT_SIZE } from "../../data/digits.ts";
import { openDataset } from "../../data/open_dataset.ts";
import { spaceToDepth } from "../../models/autoencoder.ts";
import { autoencoderKL } from "../../models/autoencoder_kl/autoencoder_kl.ts";
import { latentAutoencoder } from "../../models/autoencoder_kl/latents.ts";
import { digitClassifier } from "../../models/digit_classifier.ts";
import { dinov2 } from "../../models/dinov2/dinov2.ts";
import { parseNormalisation } from "../../models/feature_extractor.ts";
import { unet2DCondition } from "../../models/unet2d_condition/unet2d_condition.ts";
import { UserError } from "../../runtime/errors.ts";
import { noiseSchedule } from "../../sampling/noise_schedule.ts";
import type { Params } from "../../tensor/params.ts";
import { checkClassTokens, requireClasses } from "../../training/class_conditional.ts";
import { latentStatistics } from "../../training/latent_statistics.ts";
import type { TrainingRun } from "../../training/minimise.ts";
import { pretrainAutoencoder } from "../../training/pretrain_autoencoder.ts";
import { pretrainBackbone } from "../../training/pretrain_backbone.ts";
import { pretrainClassifier } from "../../training/pretrain_classifier.ts";
import { pretrainDiffusion } from "../../training/pretrain_diffusion.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { expectClass } from "../../weights/config.ts";
import { optimizerOptions } from "../config/optimizer_options.ts";
import { writeJson } from "../runs/write_json.ts";
import type { PretrainConfig, PretrainConfigOf } from "./config.ts";
import { describeScale, latentScale } from "./latent_scale.ts";
import { openPerceptual } from "./perceptual.ts";

/** A training from scratch that is ready to run. */
export interface Pretraining {
  /** Trains; the weights returned are the caller's to dispose. */
  train(run: TrainingRun): Promise<{ params: Params; steps: number }>;
  /** Writes the model's folder, half precision, `config.json` last. */
  save(folder: string, params: Params): Promise<void>;
  /** Frees what the training reads besides the data, where there is something. */
  dispose?(): void;
}

/**
 * Builds what a pretraining's configuration describes.
 *
 * @throws UserError for a model the objective cannot train, and images that do not fit it
 */
export function preparePretraining(config: PretrainConfig): Promise<Pretraining> {
  switch (config.objective.kind) {
    case "diffusion":
      return diffusion(config as PretrainConfigOf<"diffusion">);
    case "classification":
      return classification(config as PretrainConfigOf<"classification">);
    case "masked_image":
      return maskedImage(config as PretrainConfigOf<"masked_image">);
    case "autoencoder":
      return autoencoder(config as PretrainConfigOf<"autoencoder">);
  }
}

async function diffusion(config: PretrainConfigOf<"diffusion">): Promise<Pretraining> {
  const { model, objective } = config;
  expectClass(model, "UNet2DConditionModel", "model");
  const unet = unet2DCondition(model), autoencoder = spaceToDepth(2);
  const schedule = noiseSchedule(objective.scheduler);
  const size = imageSize(config), { sample_size, in_channels, out_channels } = unet.config;
  const [height, , channels] = autoencoder.latentShape(size, size);
  expectFit("sample_size", sample_size, height, size);
  expectFit("in_channels", in_channels, channels, size);
  expectFit("out_channels", out_channels, channels, size);
  const dataset = await openDataset(config.data);
  checkClassTokens(unet.config, requireClasses(dataset));
  const training = { ...common(config), conditionDropout: objective.condition_dropout };
  return {
    train: (run) => pretrainDiffusion({ unet, autoencoder, schedule, dataset }, training, run),
    async save(folder, params) {
      await writeJson(join(folder, "scheduler_config.json"), objective.scheduler);
      await saveParams(folder, model, params, { dtype: "F16", kind: "diffusers" });
    },
  };
}

async function classification(config: PretrainConfigOf<"classification">): Promise<Pretraining> {
  expectClass(config.model, "DigitClassifier", "model");
  const model = digitClassifier(config.model), size = imageSize(config);
  expectFit("image_size", model.config.image_size, size, size);
  expectFit("in_channels", model.config.in_channels, 3, size);
  const dataset = await openDataset(config.data), classes = requireClasses(dataset);
  if (model.config.num_classes !== classes) {
    throw new UserError(
      `model.num_classes is ${model.config.num_classes}, the images have ${classes} classes`,
    );
  }
  const training = { ...common(config), views: config.objective.views };
  return {
    train: (run) => pretrainClassifier({ model, dataset }, training, run),
    save: (folder, params) => saveParams(folder, config.model, params, { dtype: "F16", kind: "diffusers" }),
  };
}

async function maskedImage(config: PretrainConfigOf<"masked_image">): Promise<Pretraining> {
  const { objective, preprocessor = {} } = config;
  expectClass(config.model, ["Dinov2Model", "dinov2"], "model");
  const model = dinov2(config.model), size = imageSize(config), { image_size, patch_size } = model.config;
  expectFit("image_size", image_size, size, size);
  if (size % patch_size !== 0) {
    throw new UserError(`model.patch_size is ${patch_size}, which does not divide the images' side, ${size}`);
  }
  if (!model.config.use_mask_token) {
    throw new UserError(
      "model.use_mask_token is false; masked-image modelling hides patches: set it to true",
    );
  }
  const normalise = parseNormalisation(preprocessor), dataset = await openDataset(config.data);
  const { mask_ratio: maskRatio, damage, class_weight: classWeight } = objective;
  if (classWeight > 0) requireClasses(dataset);
  const training = { ...common(config), maskRatio, damage, classWeight };
  return {
    train: (run) => pretrainBackbone({ model, normalise, dataset }, training, run),
    async save(folder, params) {
      await writeJson(join(folder, "preprocessor_config.json"), preprocessor);
      await saveParams(folder, config.model, params, { dtype: "F16", kind: "transformers" });
    },
  };
}

async function autoencoder(config: PretrainConfigOf<"autoencoder">): Promise<Pretraining> {
  const { objective, model: json, train: { seed, batch_size: batchSize } } = config;
  expectClass(json, "AutoencoderKL", "model");
  const model = autoencoderKL(json), size = imageSize(config);
  latentAutoencoder(model, {}).latentShape(size, size); // images that it cannot take are named here
  expectFit("sample_size", model.config.sample_size, size, size);
  const dataset = await openDataset(config.data);
  const perceptual = objective.perceptual && await openPerceptual(objective.perceptual, size);
  const training = { ...common(config), l1Weight: objective.l1_weight, klWeight: objective.kl_weight };
  return {
    train: (run) => pretrainAutoencoder({ model, perceptual, dataset }, training, run),
    async save(folder, params) {
      const latents = await latentStatistics(model, params, dataset, { batchSize, seed });
      const scaled = { ...json, ...latentScale(latents, json["shift_factor"] ?? null) };
      console.error(describeScale(latents, scaled));
      await saveParams(folder, scaled, params, { dtype: "F16", kind: "diffusers" });
    },
    dispose: () => perceptual?.dispose(),
  };
}

/** Settings that every objective has. */
function common({ train, optimizer, ema_decay }: PretrainConfig) {
  return {
    steps: train.steps,
    batchSize: train.batch_size,
    seed: train.seed,
    optimizer: optimizerOptions(optimizer),
    emaDecay: ema_decay,
  };
}

/** Height and width of the images in pixels. */
function imageSize({ data }: PretrainConfig): number {
  return data.kind === "digits" ? DIGIT_SIZE : data.resolution;
}

function expectFit(key: string, given: number, expected: number, size: number): void {
  if (given === expected) return;
  throw new UserError(`model.${key} is ${given}; images of ${size}×${size} pixels need ${expected}`);
}
