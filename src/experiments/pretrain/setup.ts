import { join } from "node:path";
import { openDataset } from "../../data/open_dataset.ts";
import { spaceToDepth } from "../../models/autoencoder.ts";
import { digitClassifier } from "../../models/digit_classifier.ts";
import { dinov2 } from "../../models/dinov2/dinov2.ts";
import { parseNormalisation } from "../../models/feature_extractor.ts";
import { unet2DCondition } from "../../models/unet2d_condition/unet2d_condition.ts";
import { UserError } from "../../runtime/errors.ts";
import { noiseSchedule } from "../../sampling/noise_schedule.ts";
import { checkClassTokens, requireClasses } from "../../training/class_conditional.ts";
import { pretrainBackbone } from "../../training/pretrain_backbone.ts";
import { pretrainClassifier } from "../../training/pretrain_classifier.ts";
import { pretrainDiffusion } from "../../training/pretrain_diffusion.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { expectClass } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";
import { autoencoder } from "./autoencoder.ts";
import type { PretrainConfig, PretrainConfigOf } from "./config.ts";
import type { Pretraining } from "./pretraining.ts";
import { imageSide } from "../config/image_side.ts";
import { commonSettings, expectFit } from "./pretraining.ts";
import { textEncoder } from "./text_encoder.ts";
import { textToImage } from "./text_to_image.ts";

/**
 * Builds what a pretraining's configuration describes.
 *
 * @throws UserError for a model the objective cannot train, and images that do not fit it
 */
export function preparePretraining(config: PretrainConfig): Promise<Pretraining> {
  switch (config.objective.kind) {
    case "diffusion":
      return diffusion(config as PretrainConfigOf<"diffusion">);
    case "text_to_image":
      return textToImage(config as PretrainConfigOf<"text_to_image">);
    case "text_encoder":
      return textEncoder(config as PretrainConfigOf<"text_encoder">);
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
  const size = imageSide(config.data), { sample_size, in_channels, out_channels } = unet.config;
  const [height, , channels] = autoencoder.latentShape(size, size);
  expectFit("sample_size", sample_size, height, size);
  expectFit("in_channels", in_channels, channels, size);
  expectFit("out_channels", out_channels, channels, size);
  const dataset = await openDataset(config.data, config.train);
  checkClassTokens(unet.config, requireClasses(dataset));
  const training = { ...commonSettings(config), conditionDropout: objective.condition_dropout };
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
  const model = digitClassifier(config.model), size = imageSide(config.data);
  expectFit("image_size", model.config.image_size, size, size);
  expectFit("in_channels", model.config.in_channels, 3, size);
  const dataset = await openDataset(config.data, config.train), classes = requireClasses(dataset);
  if (model.config.num_classes !== classes) {
    throw new UserError(
      `model.num_classes is ${model.config.num_classes}, the images have ${classes} classes`,
    );
  }
  const training = { ...commonSettings(config), views: config.objective.views };
  return {
    train: (run) => pretrainClassifier({ model, dataset }, training, run),
    save: (folder, params) => saveParams(folder, config.model, params, { dtype: "F16", kind: "diffusers" }),
  };
}

async function maskedImage(config: PretrainConfigOf<"masked_image">): Promise<Pretraining> {
  const { objective, preprocessor = {} } = config;
  expectClass(config.model, ["Dinov2Model", "dinov2"], "model");
  const model = dinov2(config.model),
    size = imageSide(config.data),
    { image_size, patch_size } = model.config;
  expectFit("image_size", image_size, size, size);
  if (size % patch_size !== 0) {
    throw new UserError(`model.patch_size is ${patch_size}, which does not divide the images' side, ${size}`);
  }
  if (!model.config.use_mask_token) {
    throw new UserError(
      "model.use_mask_token is false; masked-image modelling hides patches: set it to true",
    );
  }
  const normalise = parseNormalisation(preprocessor), dataset = await openDataset(config.data, config.train);
  const { mask_ratio: maskRatio, damage, class_weight: classWeight } = objective;
  if (classWeight > 0) requireClasses(dataset);
  const training = { ...commonSettings(config), maskRatio, damage, classWeight };
  return {
    train: (run) => pretrainBackbone({ model, normalise, dataset }, training, run),
    async save(folder, params) {
      await writeJson(join(folder, "preprocessor_config.json"), preprocessor);
      await saveParams(folder, config.model, params, { dtype: "F16", kind: "transformers" });
    },
  };
}
