import { z } from "zod";
import { chunksFit } from "../../adt/chunks.ts";
import type { GuidanceRange } from "../../adt/guidance_scale.ts";
import {
  ADVERSARIAL_LOSSES,
  type AdversarialLoss,
  GUIDANCE_GRADIENTS,
  type GuidanceGradient,
  SCORE_KINDS,
  type ScoreKind,
} from "../../adt/kinds.ts";
import { REWARD_KINDS, type RewardKind } from "../../adt/reward.ts";
import type { Precision } from "../../runtime/precision.ts";
import { quoted } from "../../runtime/wording.ts";
import { SAMPLER_NAMES } from "../../sampling/sampler_names.ts";
import type { RollOutSettings } from "../generate/load_generator.ts";
import {
  count,
  type DataConfig,
  dataSchema,
  emaDecaySchema,
  type LogKind,
  logSchema,
  type OptimizerConfig,
  optimizerSchema,
  type PaceConfig,
  paceShape,
  path,
  precisionSchema,
} from "../config/parts.ts";
import { modelSchema, type PipelineModelConfig, type UNetModelConfig } from "./model_config.ts";
import {
  validationSchema,
  type ValidationSettings,
  watchSchema,
  type WatchSettings,
} from "./watch_config.ts";

/** The twin discriminator and its training. */
export interface DiscriminatorSettings {
  /** Folder of the backbone: DINOv2, also with registers, CLIP's image tower or EfficientNet-Lite. */
  backbone: string;
  /** Blocks (or an EfficientNet's stages) whose patch grids the heads judge, counted from 0. */
  blocks: number[];
  /** Whether the backbone is trained with the heads. */
  train_backbone: boolean;
  /** How generated and real image are compared. */
  score: ScoreKind;
  loss: AdversarialLoss;
  /** The real partner of a generated image: the image its start was made from, or another one of the same condition. */
  pairing: "image" | "condition";
  /** Side in pixels that images are brought to before they are judged; left out: they are judged as they are. */
  resolution?: number | undefined;
  /** Differentiable augmentation of the discriminator's inputs. */
  augment: boolean;
  /** First of the training's steps that train the discriminator alone. */
  head_start: number;
  lr: number;
  betas: [number, number];
}

/** Settings of `adt tune`, all defaults filled in. */
export interface TuneConfig {
  model: UNetModelConfig | PipelineModelConfig;
  data: DataConfig;
  /** The inference path that tuning runs. */
  sampler: RollOutSettings;
  adt: {
    /** Through which network calls of a roll-out the gradient flows; `steps` of them. */
    plan: { kind: "full" } | { kind: "truncated" | "stop-input"; steps: number };
    /** Whether roll-outs start at a noised image at a random step, instead of always at pure noise. */
    image_to_image: boolean;
    /** Whether a roll-out is one call, to the image that the network's output implies, instead of the path to its end. */
    one_step: boolean;
    /** Equal parts of a batch that each roll out from a start of their own. */
    start_groups?: number | undefined;
    /** What says in the discriminator's place how good the ends of roll-outs are. */
    reward?: RewardKind | undefined;
    /** Weight of the adversarial loss, or of the reward. */
    lambda_adv: number;
    lambda_diffusion: number;
    /** Which of guidance's two outputs the adversarial gradient goes through. */
    guidance_gradient: GuidanceGradient;
    /** Whether a roll-out's adversarial gradient is divided by its guidance scale. */
    divide_by_guidance_scale: boolean;
    /** Weight of the distance from the outputs before the tuning. */
    lambda_anchor: number;
    /** Share of the diffusion loss's samples whose class or caption is left out. */
    condition_dropout: number;
    /** γ of the diffusion loss's min-SNR weights; null: all noise levels count alike. */
    min_snr_gamma: number | null;
    /** Largest norm of the adversarial gradient as a multiple of the diffusion loss's; null is no cap. */
    adv_norm_cap: number | null;
    discriminator: DiscriminatorSettings;
  };
  optimizer: OptimizerConfig;
  ema_decay: number;
  train: PaceConfig & { accumulate?: number | undefined };
  log?: LogKind[] | undefined;
  /** Scores of pictures of the tuned pipeline on the way; left out: none. */
  watch?: WatchSettings | undefined;
  /** Pictures to look at on the way; left out: none. */
  validation?: ValidationSettings | undefined;
  /** What products and convolutions compute in; left out: what the engine was started with. */
  precision?: Precision | undefined;
  /** Folder of the run; new or empty, unless the run is resumed. */
  output: string;
}

/** Scales of guidance to draw from. */
const guidanceRange: z.ZodType<GuidanceRange> = z.strictObject({
  min: z.number().min(0).describe("The least of a range."),
  max: z.number().min(0).describe("The most of a range."),
  none: z.number().min(0).max(1).default(0).describe("Share of the roll-outs without guidance."),
}).refine(({ min, max }) => min <= max, { path: ["max"], error: "is less than min" });

/** Through which network calls of a roll-out the gradient flows. */
const planSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("full") }),
  z.strictObject({
    kind: z.enum(["truncated", "stop-input"]).describe(
      "The last K steps, or K steps spread evenly with the gradient stopped at the network's input (ADT).",
    ),
    steps: count.describe("K: how many steps are trained; a roll-out of fewer trains them all."),
  }),
]).prefault({ kind: "stop-input", steps: 3 });

const discriminatorSchema = z.strictObject({
  backbone: path.describe(
    "Folder of the backbone: DINOv2, also with registers, CLIP's image tower or EfficientNet-Lite.",
  ),
  blocks: z.array(z.int().min(0)).min(1).default([2, 5, 8, 11]).describe(
    "Blocks (or an EfficientNet's stages) whose patch grids the heads judge, counted from 0.",
  ),
  train_backbone: z.boolean().default(false).describe(
    "Whether the backbone is trained with the heads; the method's is frozen.",
  ),
  score: z.enum(SCORE_KINDS).default("cosine").describe(
    "How generated and real image are compared; `single` judges the generated image alone.",
  ),
  loss: z.enum(ADVERSARIAL_LOSSES).default("hinge").describe("The adversarial loss."),
  pairing: z.enum(["image", "condition"]).default("image").describe(
    "The real partner of a generated image: the image its start was made from, or another one of the same condition.",
  ),
  resolution: count.optional().describe(
    "Side in pixels that images are brought to before they are judged; left out: they are judged as they are.",
  ),
  augment: z.boolean().default(true).describe("Differentiable augmentation of the discriminator's inputs."),
  head_start: z.int().min(0).default(0).describe(
    "First of the training's steps that train the discriminator alone.",
  ),
  lr: optimizerSchema.shape.lr.unwrap().default(1e-4).describe("Learning rate of the heads."),
  betas: optimizerSchema.shape.betas.unwrap().default([0, 0.99]).describe(
    "As optimizer.betas, of the heads.",
  ),
});

/** Images of an update. */
export const wholeBatch = (
  { batch_size, accumulate = 1 }: { batch_size: number; accumulate?: number | undefined },
): number => batch_size * accumulate;

/** What is wrong with a head start that leaves no step to train the network. */
export function headStartFault(
  { adt, train: { steps } }: {
    adt: { reward?: RewardKind | undefined; lambda_adv: number; discriminator: { head_start: number } };
    train: { steps: number };
  },
): string | undefined {
  const { head_start } = adt.discriminator;
  if (adt.lambda_adv === 0 || adt.reward || head_start < steps) return undefined;
  return `got ${head_start}, and train.steps is ${steps}: the discriminator would be trained alone all the while, and the ` +
    "network stay as it is; make the steps more, or the head start shorter";
}

/** Checks the settings of `adt tune` and fills in defaults; for `loadConfig` and `parseConfig`. */
export const tuneSchema: z.ZodType<TuneConfig> = z.strictObject({
  model: modelSchema,
  data: dataSchema,
  sampler: z.strictObject({
    name: z.enum(SAMPLER_NAMES).default("ddim").describe("The sampler of the roll-outs."),
    steps: count.max(1000).default(10).describe("Its steps."),
    guidance_scale: z.union([z.number().min(0), guidanceRange], {
      error: ({ input }) =>
        `got ${
          quoted(input)
        }, expected a number of at least 0, or a range like { min: 1.5, max: 8, none: 0.5 }`,
    }).default(1).describe(
      "w of classifier-free guidance, 1 is none. Or a range, from which w is drawn anew for each roll-out, evenly; a share of `none` of them has no guidance.",
    ),
  }).prefault({}).describe("The inference path that tuning runs."),
  adt: z.strictObject({
    plan: planSchema,
    image_to_image: z.boolean().default(true).describe(
      "Whether roll-outs start at a noised image at a random step, instead of always at pure noise.",
    ),
    one_step: z.boolean().default(false).describe(
      "Whether a roll-out is a single call, to the image that the network's output implies, instead of the path to its end: what one-step generators are trained on, for comparison.",
    ),
    start_groups: count.optional().describe(
      "Equal parts of a batch that each roll out from a start of their own, spread over the sampler's steps. Left out: 4, or 2 or 1 where the batch size asks for it.",
    ),
    reward: z.enum(REWARD_KINDS).optional().describe(
      "Says in the discriminator's place how good the ends of roll-outs are: \"picture-text\" is how well a pictogram shows what its caption says. The discriminator's settings then change nothing.",
    ),
    lambda_adv: z.number().min(0).default(0.1).describe(
      "Weight of the adversarial loss, or of the reward; 0 with `lambda_diffusion` 1 is plain diffusion fine-tuning.",
    ),
    lambda_diffusion: z.number().min(0).default(1).describe("Weight of the diffusion loss."),
    guidance_gradient: z.enum(GUIDANCE_GRADIENTS).default("both").describe(
      "Which of guidance's two outputs the adversarial gradient goes through: both, or the conditional one alone.",
    ),
    divide_by_guidance_scale: z.boolean().default(false).describe(
      "Whether a roll-out's adversarial gradient is divided by its guidance scale, with which it grows.",
    ),
    lambda_anchor: z.number().min(0).default(0).describe(
      "Weight of the anchor: the mean squared distance of the network's outputs, with and without condition, from those before the tuning, at the states of the trained calls.",
    ),
    condition_dropout: z.number().min(0).max(1).default(0).describe(
      "Share of the diffusion loss's samples whose class or caption is left out, as in a training from scratch.",
    ),
    min_snr_gamma: z.number().positive().nullable().default(null).describe(
      "γ of the diffusion loss's min-SNR weights, usually 5; null: all noise levels count alike.",
    ),
    adv_norm_cap: z.number().positive().nullable().default(null).describe(
      "Largest norm of the adversarial gradient as a multiple of the diffusion loss's; null is no cap.",
    ),
    discriminator: discriminatorSchema,
  }),
  optimizer: optimizerSchema.prefault({}),
  ema_decay: emaDecaySchema,
  train: z.strictObject({
    ...paceShape,
    accumulate: count.optional().describe(
      "Batches that make one update together, one after the other, for the memory of one: the update of a batch so many times as large.",
    ),
  }),
  log: logSchema.describe(
    "Where numbers go: to the run's own log (jsonl), and to TensorBoard's files in its folder.",
  ),
  watch: watchSchema.optional().describe(
    "Scores of pictures of the tuned pipeline on the way, left out: none.",
  ),
  validation: validationSchema.optional().describe(
    "Pictures to look at on the way, left out: none.",
  ),
  precision: precisionSchema,
  output: path.describe("Folder of the run; new or empty, unless the run is resumed."),
}).refine(({ adt, train }) => wholeBatch(train) % (adt.start_groups ?? 1) === 0, {
  path: ["adt", "start_groups"],
  error: "must divide train.batch_size (times train.accumulate): the groups of a batch are of equal size",
}).refine(({ adt, train }) => chunksFit(adt.start_groups ?? 1, train.accumulate ?? 1), {
  path: ["train", "accumulate"],
  error:
    "must divide adt.start_groups, or be divided by it: each group is computed at once, or in equal parts",
}).refine(({ adt }) => adt.lambda_adv > 0 || adt.lambda_diffusion > 0, {
  path: ["adt", "lambda_adv"],
  error: "got 0, and lambda_diffusion is 0 too: nothing would be trained; make one of them more than 0",
}).refine(({ adt }) => adt.lambda_anchor === 0 || adt.lambda_adv > 0, {
  path: ["adt", "lambda_anchor"],
  error: "holds the network at the states of roll-outs, and lambda_adv is 0: there are none; make this 0",
}).refine(({ adt }) => adt.adv_norm_cap === null || adt.lambda_diffusion > 0 || adt.lambda_adv === 0, {
  path: ["adt", "adv_norm_cap"],
  error:
    "is a multiple of the diffusion loss's gradient, which is 0 as lambda_diffusion is: nothing would be trained; " +
    "make it null",
}).superRefine((config, context) => {
  const fault = headStartFault(config);
  if (fault) {
    context.addIssue({ code: "custom", path: ["adt", "discriminator", "head_start"], message: fault });
  }
}).refine(({ adt, train }) => adt.discriminator.pairing === "image" || wholeBatch(train) > 1, {
  path: ["adt", "discriminator", "pairing"],
  error:
    'a batch of 1 has no other image of the same condition: make train.batch_size more than 1, or this "image"',
}).superRefine(({ model, sampler, ...config }, context) => {
  const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  for (const key of ["watch", "validation"] as const) {
    if (!config[key]) continue;
    if (!("pipeline" in model)) refuse([key], "is for pipelines, and `model` names a UNet; remove it");
    if (config[key].guidance_scale === undefined && typeof sampler.guidance_scale !== "number") {
      refuse(
        [key, "guidance_scale"],
        "missing, and sampler.guidance_scale is a range: say at which scale to look",
      );
    }
  }
}).refine(({ adt, model, data }) => !adt.reward || "pipeline" in model && data.kind === "pictograms", {
  path: ["adt", "reward"],
  error: "knows what pictograms show: it is for pipelines with data: { kind: pictograms }; remove it",
}).refine(({ model, data }) => !("pipeline" in model) || data.kind !== "digits", {
  path: ["data", "kind"],
  error: 'a pipeline is tuned on captioned images: expected "folder" or "pictograms"',
});

/** Settings of the tuning of a class-conditional UNet. */
export type UNetTuneConfig = TuneConfig & { model: UNetModelConfig };

/** Settings of the tuning of a pipeline. */
export type PipelineTuneConfig = TuneConfig & {
  model: PipelineModelConfig;
  data: { kind: "folder" | "pictograms" };
};

/** Whether a tuning is that of a pipeline. */
export function tunesPipeline(config: TuneConfig): config is PipelineTuneConfig {
  return "pipeline" in config.model;
}
