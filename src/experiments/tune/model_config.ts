import { z } from "zod";
import { count, latentsSchema, path } from "../config/parts.ts";

/** A class-conditional UNet, all of whose weights are tuned. */
const unetModelSchema = z.strictObject({
  /** Folder of the UNet, in diffusers' layout. */
  unet: path,
  /** `scheduler_config.json`, its folder, or the folder of a diffusers pipeline. */
  scheduler: path,
  latents: latentsSchema,
});

/** A LoRA of the network that denoises. */
const loraSchema = z.strictObject({
  /** Inner dimension of every adapted layer. */
  rank: count.default(16),
  /** The adapter counts alpha / rank times; left out: the rank. */
  alpha: z.number().positive().optional(),
  /** Which layers: those of attention, of attention and the feed-forward parts, or names or ends of names. */
  targets: z.union([z.enum(["attention", "attention+feed-forward"]), z.array(z.string().min(1)).min(1)])
    .default("attention"),
});

/** A text-to-image pipeline, of which a LoRA is tuned. */
const pipelineModelSchema = z.strictObject({
  /**
   * Folder of a pipeline of Stable Diffusion, SDXL or SD3 in diffusers' layout, its single file in the original names, or
   * its repository on the Hub, `owner/name`.
   */
  pipeline: path,
  /** Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  config_from: path.optional(),
  lora: loraSchema.prefault({}),
  /** Whether the networks' blocks are computed again on the way back instead of being kept: less memory, more time. */
  checkpointing: z.boolean().default(true),
  /** Folder in which latents and encoded captions are kept; left out: one in this project's cache folder. */
  cache: path.optional(),
});

/** What is tuned. */
export const modelSchema = z.union([unetModelSchema, pipelineModelSchema]);

export type PipelineModelConfig = z.output<typeof pipelineModelSchema>;
export type UNetModelConfig = z.output<typeof unetModelSchema>;
