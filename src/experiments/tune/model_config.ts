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
  unet: path.describe("Folder of the UNet, in diffusers' layout."),
  scheduler: path.describe("`scheduler_config.json`, its folder, or the folder of a diffusers pipeline."),
  latents: latentsSchema,
});

const loraSchema: z.ZodType<LoraConfig> = z.strictObject({
  rank: count.default(16).describe("Inner dimension of every adapted layer."),
  alpha: z.number().positive().optional().describe(
    "The adapter counts alpha / rank times; left out: the rank.",
  ),
  targets: z.union([z.enum(["attention", "attention+feed-forward"]), z.array(z.string().min(1)).min(1)])
    .default("attention").describe(
      "Which layers: those of attention, of attention and the feed-forward parts, or names or ends of names.",
    ),
});

const pipelineModelSchema: z.ZodType<PipelineModelConfig> = z.strictObject({
  pipeline: path.describe(
    "Folder of a pipeline of Stable Diffusion, SDXL or SD3 in diffusers' layout, its single file in the original names, or its repository on the Hub, `owner/name`.",
  ),
  config_from: path.optional().describe(
    "Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over.",
  ),
  tune: z.enum(["lora", "all"]).default("lora").describe(
    "What is tuned of the network that denoises: a LoRA, or all its weights.",
  ),
  lora: loraSchema.optional().describe("Which LoRA, where one is tuned; left out, of rank 16 on attention."),
  base: z.literal("int8").optional().describe(
    "What the frozen weights are kept in: int8, with a scale for each output channel, is half of float16. Left out: the type of their file, or the low type of `precision`.",
  ),
  checkpointing: z.boolean().default(true).describe(
    "Whether the networks' blocks are computed again on the way back instead of being kept: less memory, more time.",
  ),
  cache: path.optional().describe(
    "Folder in which latents and encoded captions are kept; left out: one in this project's cache folder.",
  ),
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
