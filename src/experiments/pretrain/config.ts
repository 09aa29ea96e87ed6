import { z } from "zod";
import {
  count,
  dataSchema,
  emaDecaySchema,
  latentsSchema,
  logSchema,
  optimizerSchema,
  paceShape,
  path,
  precisionSchema,
} from "../config/parts.ts";

/** A JSON configuration in diffusers' or transformers' format, written inline; what it is for checks it. */
const inlineSchema = z.record(z.string(), z.unknown());

const share = z.number().min(0).max(1);
const range = z.number().min(0);

/** How far a random view may depart from its image, see `ViewRange`; 0 is not at all. */
const viewsSchema = z.strictObject({
  rotation: range.default(0).describe("Radians."),
  scale: range.default(0).describe("Log₂ of the size."),
  aspect: range.default(0).describe("Log₂ of width over height."),
  shear: range.default(0).describe("Horizontal shift per vertical distance."),
  translation: share.default(0).describe("Share of the side."),
  contrast: share.default(0).describe("Largest share of the contrast that is lost."),
}).prefault({});

const diffusionSchema = z.strictObject({
  kind: z.literal("diffusion"),
  scheduler: inlineSchema.describe("A `scheduler_config.json`, inline: noise schedule and prediction type."),
  latents: latentsSchema,
  condition_dropout: share.default(0.1).describe(
    "Share of samples trained without condition, for classifier-free guidance.",
  ),
});

/** A denoiser of a text-to-image pipeline, on pictures with captions. */
const textToImageSchema = z.strictObject({
  kind: z.literal("text_to_image"),
  pipeline: z.enum(["StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline"])
    .describe("diffusers' class of the pipeline that the denoiser becomes a part of."),
  parts: z.record(z.string(), path).describe(
    "Folders of its other parts, by diffusers' names: vae, tokenizer, text_encoder, …",
  ),
  scheduler: inlineSchema.describe(
    "A `scheduler_config.json`, inline: noise schedule, prediction type, and how the pipeline samples.",
  ),
  caption_dropout: share.default(0.1).describe(
    "Share of the captions that are left out, for classifier-free guidance.",
  ),
  min_snr_gamma: z.number().positive().nullable().default(null).describe(
    "γ of min-SNR weights of the noise levels (Hang et al. 2023); null: all alike.",
  ),
  sizes: z.strictObject({ smallest: z.int().min(1), zoom: z.number().min(1) }).optional().describe(
    "Varies the pictures' sizes, for pipelines whose denoiser is told of them: from this side in pixels, to this factor.",
  ),
});

/** A CLIPTextModelWithProjection, on a larger model's embeddings of texts, and on pictures with captions. */
const textEncoderSchema = z.strictObject({
  kind: z.literal("text_encoder"),
  tokenizer: path.describe("Folder of CLIP's tokenizer."),
  teacher: path.describe(
    "Folder with the texts and the larger model's embeddings of them, see `readTaughtTexts`.",
  ),
  pictures: z.strictObject({
    backbone: path.describe("Folder of a frozen backbone, of whose patch grids the means are taken."),
    blocks: z.array(z.int().min(0)).min(1),
    weight: z.number().positive().default(1),
  }).optional().describe(
    "Which features of the data's pictures captions are matched with, and how much that counts; left out: texts alone.",
  ),
});

const classificationSchema = z.strictObject({
  kind: z.literal("classification"),
  views: viewsSchema.describe("Random views that augment the images."),
});

/** Masked-image modelling of a Dinov2Model. */
const maskedImageSchema = z.strictObject({
  kind: z.literal("masked_image"),
  mask_ratio: z.number().gt(0).lt(1).default(0.6).describe("Share of the patches that are hidden."),
  damage: z.strictObject({ noise: z.number().min(0).default(0), blur: z.number().min(0).max(1).default(0) })
    .prefault({}).describe(
      "Damage to the seen patches that is to be undone: noise's largest standard deviation, blur's largest share.",
    ),
  class_weight: z.number().min(0).default(0).describe(
    "Weight of a classification loss on the mean of the patch tokens; 0 trains without labels.",
  ),
});

/** Reconstruction of images by an AutoencoderKL; see `AutoencoderTraining` for the loss. */
const autoencoderSchema = z.strictObject({
  kind: z.literal("autoencoder"),
  l1_weight: z.number().min(0).default(1).describe(
    "Weight of the mean absolute difference of pixels in [−1,1].",
  ),
  perceptual: z.strictObject({
    backbone: path.describe("Folder of the frozen backbone whose features are compared."),
    blocks: z.array(z.int().min(0)).min(1).describe("Blocks whose features are compared, counted from 0."),
    weight: z.number().positive().default(1),
    resolution: count.optional().describe(
      "Height and width that images are brought to for the backbone; left out: their own.",
    ),
  }).optional().describe("Distance of features; left out: none."),
  kl_weight: z.number().min(0).default(1e-6).describe(
    "Weight of an image's KL divergence over the number of its pixel values, as in latent diffusion.",
  ),
});

/** What is learnt, and what only that needs. */
const objectiveSchema = z.discriminatedUnion("kind", [
  diffusionSchema,
  textToImageSchema,
  textEncoderSchema,
  classificationSchema,
  maskedImageSchema,
  autoencoderSchema,
]);

/** Settings of `adt pretrain`: training a model from scratch. */
export const pretrainSchema = z.strictObject({
  model: inlineSchema.describe("A `config.json`, inline: which network."),
  preprocessor: inlineSchema.optional().describe(
    "A `preprocessor_config.json`, inline: pixel statistics that a backbone expects removed.",
  ),
  objective: objectiveSchema,
  data: dataSchema,
  optimizer: optimizerSchema.prefault({}),
  ema_decay: emaDecaySchema,
  train: z.strictObject(paceShape),
  log: logSchema.describe(
    "Where numbers go: to the run's own log (jsonl), and to TensorBoard's files in its folder.",
  ),
  precision: precisionSchema,
  output: path.describe("Folder of the run; new or empty, unless the run is resumed."),
}).refine(({ objective, preprocessor }) => !preprocessor || objective.kind === "masked_image", {
  path: ["preprocessor"],
  error: "only the objective masked_image has one; remove it",
});

/** Settings of `adt pretrain`, all defaults filled in. */
export type PretrainConfig = z.output<typeof pretrainSchema>;

/** Settings of a training by one objective. */
export type PretrainConfigOf<Kind extends PretrainConfig["objective"]["kind"]> = PretrainConfig & {
  objective: Extract<PretrainConfig["objective"], { kind: Kind }>;
};
