import { z } from "zod";
import {
  count,
  dataSchema,
  emaDecaySchema,
  latentsSchema,
  optimizerSchema,
  paceShape,
  path,
} from "./config_parts.ts";

/** A JSON configuration in diffusers' or transformers' format, written inline; what it is for checks it. */
const inlineSchema = z.record(z.string(), z.unknown());

const share = z.number().min(0).max(1);
const range = z.number().min(0);
const positive = z.number().positive();

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

const classificationSchema = z.strictObject({
  kind: z.literal("classification"),
  /** Random views that augment the images. */
  views: viewsSchema,
});

/** Self-distillation of a Dinov2Model without labels: DINO on class tokens, iBOT on hidden patches. */
const selfDistillationSchema = z.strictObject({
  kind: z.literal("self_distillation"),
  /** The two random views of an image. */
  views: viewsSchema,
  masking: z.strictObject({
    /** Share of the views in which patches are hidden from the student. */
    views: share.default(0.5),
    /** Range of the share of patches hidden in such a view. */
    patches: z.tuple([share, share]).default([0.1, 0.5]),
  }).prefault({}),
  /** The heads that student and teacher are compared through; they are not part of the result. */
  head: z.strictObject({
    hidden: count.default(128),
    bottleneck: count.default(32),
    prototypes: count.default(128),
  }).prefault({}),
  temperature: z.strictObject({ student: positive.default(0.1), teacher: positive.default(0.04) }).prefault(
    {},
  ),
  /** Weight of the patch loss beside the class-token loss. */
  patch_weight: range.default(1),
});

/** What is learnt, and what only that needs. */
const objectiveSchema = z.discriminatedUnion("kind", [
  diffusionSchema,
  classificationSchema,
  selfDistillationSchema,
]);

/** Settings of `adt pretrain`: training a model from scratch. */
export const pretrainSchema = z.strictObject({
  /** A `config.json`, inline: which network. */
  model: inlineSchema,
  /** A `preprocessor_config.json`, inline: pixel statistics that a self-distilled backbone expects removed. */
  preprocessor: inlineSchema.optional(),
  objective: objectiveSchema,
  data: dataSchema,
  optimizer: optimizerSchema.prefault({}),
  ema_decay: emaDecaySchema,
  train: z.strictObject(paceShape),
  /** Folder of the run; new or empty, unless the run is resumed. */
  output: path,
}).refine(({ objective, preprocessor }) => !preprocessor || objective.kind === "self_distillation", {
  path: ["preprocessor"],
  error: "only the objective self_distillation has one; remove it",
});

/** Settings of `adt pretrain`, all defaults filled in. */
export type PretrainConfig = z.output<typeof pretrainSchema>;

/** Settings of a training by one objective. */
export type PretrainConfigOf<Kind extends PretrainConfig["objective"]["kind"]> = PretrainConfig & {
  objective: Extract<PretrainConfig["objective"], { kind: Kind }>;
};
