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
  /** Radians. */
  rotation: range.default(0),
  /** Log₂ of the size. */
  scale: range.default(0),
  /** Log₂ of width over height. */
  aspect: range.default(0),
  /** Horizontal shift per vertical distance. */
  shear: range.default(0),
  /** Share of the side. */
  translation: share.default(0),
  /** Largest share of the contrast that is lost. */
  contrast: share.default(0),
}).prefault({});

const diffusionSchema = z.strictObject({
  kind: z.literal("diffusion"),
  /** A `scheduler_config.json`, inline: noise schedule and prediction type. */
  scheduler: inlineSchema,
  latents: latentsSchema,
  /** Share of samples trained without condition, for classifier-free guidance. */
  condition_dropout: share.default(0.1),
});

/** A denoiser of a text-to-image pipeline, on pictures with captions. */
const textToImageSchema = z.strictObject({
  kind: z.literal("text_to_image"),
  /** diffusers' class of the pipeline that the denoiser becomes a part of. */
  pipeline: z.enum(["StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline"]),
  /** Folders of its other parts, by diffusers' names: vae, tokenizer, text_encoder, … */
  parts: z.record(z.string(), path),
  /** A `scheduler_config.json`, inline: noise schedule, prediction type, and how the pipeline samples. */
  scheduler: inlineSchema,
  /** Share of the captions that are left out, for classifier-free guidance. */
  caption_dropout: share.default(0.1),
  /** γ of min-SNR weights of the noise levels (Hang et al. 2023); null: all alike. */
  min_snr_gamma: z.number().positive().nullable().default(null),
  /** Varies the pictures' sizes, for pipelines whose denoiser is told of them: from this side in pixels, to this factor. */
  sizes: z.strictObject({ smallest: z.int().min(1), zoom: z.number().min(1) }).optional(),
});

/** A CLIPTextModelWithProjection, on a larger model's embeddings of texts, and on pictures with captions. */
const textEncoderSchema = z.strictObject({
  kind: z.literal("text_encoder"),
  /** Folder of CLIP's tokenizer. */
  tokenizer: path,
  /** Folder with the texts and the larger model's embeddings of them, see `readTaughtTexts`. */
  teacher: path,
  /** Which features of the data's pictures captions are matched with, and how much that counts; left out: texts alone. */
  pictures: z.strictObject({
    /** Folder of a frozen backbone, of whose patch grids the means are taken. */
    backbone: path,
    blocks: z.array(z.int().min(0)).min(1),
    weight: z.number().positive().default(1),
  }).optional(),
});

const classificationSchema = z.strictObject({
  kind: z.literal("classification"),
  /** Random views that augment the images. */
  views: viewsSchema,
});

/** Masked-image modelling of a Dinov2Model. */
const maskedImageSchema = z.strictObject({
  kind: z.literal("masked_image"),
  /** Share of the patches that are hidden. */
  mask_ratio: z.number().gt(0).lt(1).default(0.6),
  /** Damage to the seen patches that is to be undone: noise's largest standard deviation, blur's largest share. */
  damage: z.strictObject({ noise: z.number().min(0).default(0), blur: z.number().min(0).max(1).default(0) })
    .prefault({}),
  /** Weight of a classification loss on the mean of the patch tokens; 0 trains without labels. */
  class_weight: z.number().min(0).default(0),
});

/** Reconstruction of images by an AutoencoderKL; see `AutoencoderTraining` for the loss. */
const autoencoderSchema = z.strictObject({
  kind: z.literal("autoencoder"),
  /** Weight of the mean absolute difference of pixels in [−1,1]. */
  l1_weight: z.number().min(0).default(1),
  /** Distance of features; left out: none. */
  perceptual: z.strictObject({
    /** Folder of the frozen backbone whose features are compared. */
    backbone: path,
    /** Blocks whose features are compared, counted from 0. */
    blocks: z.array(z.int().min(0)).min(1),
    weight: z.number().positive().default(1),
    /** Height and width that images are brought to for the backbone; left out: their own. */
    resolution: count.optional(),
  }).optional(),
  /** Weight of an image's KL divergence over the number of its pixel values, as in latent diffusion. */
  kl_weight: z.number().min(0).default(1e-6),
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
  /** A `config.json`, inline: which network. */
  model: inlineSchema,
  /** A `preprocessor_config.json`, inline: pixel statistics that a backbone expects removed. */
  preprocessor: inlineSchema.optional(),
  objective: objectiveSchema,
  data: dataSchema,
  optimizer: optimizerSchema.prefault({}),
  ema_decay: emaDecaySchema,
  train: z.strictObject(paceShape),
  /** Where numbers go: to the run's own log (jsonl), and to TensorBoard's files in its folder. */
  log: logSchema,
  precision: precisionSchema,
  /** Folder of the run; new or empty, unless the run is resumed. */
  output: path,
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
