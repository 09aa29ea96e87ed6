import { z } from "zod";
import {
  dataSchema,
  emaDecaySchema,
  latentsSchema,
  optimizerSchema,
  paceShape,
  path,
} from "./config_parts.ts";

/** A `config.json`, written inline; the model it names checks it. */
const modelSchema = z.record(z.string(), z.unknown());

/** What is learnt, and what only that needs. */
const objectiveSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("diffusion"),
    /** A `scheduler_config.json`, inline: noise schedule and prediction type. */
    scheduler: modelSchema,
    latents: latentsSchema,
    /** Share of samples trained without condition, for classifier-free guidance. */
    condition_dropout: z.number().min(0).max(1).default(0.1),
  }),
  z.strictObject({
    kind: z.literal("classification"),
    /** Whether images are augmented. */
    augment: z.boolean().default(true),
  }),
]);

/** Settings of `adt pretrain`: training a model from scratch. */
export const pretrainSchema = z.strictObject({
  model: modelSchema,
  objective: objectiveSchema,
  data: dataSchema,
  optimizer: optimizerSchema.prefault({}),
  ema_decay: emaDecaySchema,
  train: z.strictObject(paceShape),
  /** Folder of the run; new or empty, unless the run is resumed. */
  output: path,
});

/** Settings of `adt pretrain`, all defaults filled in. */
export type PretrainConfig = z.output<typeof pretrainSchema>;
