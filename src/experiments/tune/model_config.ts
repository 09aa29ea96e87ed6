import { z } from "zod";
import { count, latentsSchema, path } from "../config/parts.ts";

/** A class-conditional UNet, all of whose weights are tuned. */
export interface UNetModelConfig {
  /** Folder of the UNet, in diffusers' layout. */
  unet: string;
  /** `scheduler_config.json`, its folder, or the folder of a diffusers pipeline. */
  scheduler: string;
  latents: "space_to_depth";
}

/** A text-to-image pipeline, whose denoiser is tuned. */
export interface PipelineModelConfig {
  /** Folder of a pipeline in diffusers' layout, its single file in the original names, or its repository on the Hub. */
  pipeline: string;
  /** Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  config_from?: string | undefined;
  /** A LoRA, or all weights of the denoiser. */
  tune: "lora" | "all";
  /** Of `tune: lora`. */
  lora?: LoraConfig | undefined;
  /** What the frozen weights are kept in; left out: the type of their file, or the low type of `precision`. */
  base?: "int8" | undefined;
  /** Whether the networks' blocks are computed again on the way back instead of being kept. */
  checkpointing: boolean;
  /** Folder in which latents and encoded captions are kept; left out: one in this project's cache folder. */
  cache?: string | undefined;
}

/** A LoRA of the network that denoises. */
export interface LoraConfig {
  /** Inner dimension of every adapted layer. */
  rank: number;
  /** The adapter counts alpha / rank times; left out: the rank. */
  alpha?: number | undefined;
  targets: "attention" | "attention+feed-forward" | string[];
}

const unetModelSchema: z.ZodType<UNetModelConfig> = z.strictObject({
  /** Folder of the UNet, in diffusers' layout. */
  unet: path,
  /** `scheduler_config.json`, its folder, or the folder of a diffusers pipeline. */
  scheduler: path,
  latents: latentsSchema,
});

const loraSchema: z.ZodType<LoraConfig> = z.strictObject({
  /** Inner dimension of every adapted layer. */
  rank: count.default(16),
  /** The adapter counts alpha / rank times; left out: the rank. */
  alpha: z.number().positive().optional(),
  /** Which layers: those of attention, of attention and the feed-forward parts, or names or ends of names. */
  targets: z.union([z.enum(["attention", "attention+feed-forward"]), z.array(z.string().min(1)).min(1)])
    .default("attention"),
});

const pipelineModelSchema: z.ZodType<PipelineModelConfig> = z.strictObject({
  /**
   * Folder of a pipeline of Stable Diffusion, SDXL or SD3 in diffusers' layout, its single file in the original names, or
   * its repository on the Hub, `owner/name`.
   */
  pipeline: path,
  /** Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  config_from: path.optional(),
  /** What is tuned of the network that denoises: a LoRA, or all its weights. */
  tune: z.enum(["lora", "all"]).default("lora"),
  /** Which LoRA, where one is tuned; left out, of rank 16 on attention. */
  lora: loraSchema.optional(),
  /**
   * What the frozen weights are kept in: int8, with a scale for each output channel, is half of float16. Left out: the type
   * of their file, or the low type of `precision`.
   */
  base: z.literal("int8").optional(),
  /** Whether the networks' blocks are computed again on the way back instead of being kept: less memory, more time. */
  checkpointing: z.boolean().default(true),
  /** Folder in which latents and encoded captions are kept; left out: one in this project's cache folder. */
  cache: path.optional(),
}).refine(({ tune, base }) => tune === "lora" || !base, {
  path: ["base"],
  error: "is for frozen weights, and `tune` is all; remove one of them",
}).transform(({ lora = loraSchema.parse({}), ...model }) =>
  model.tune === "all" ? model : { ...model, lora }
);

/** What is tuned. */
export const modelSchema: z.ZodType<UNetModelConfig | PipelineModelConfig> = z.union([
  unetModelSchema,
  pipelineModelSchema,
]);
