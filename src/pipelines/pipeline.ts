import type * as tf from "@tensorflow/tfjs";
import type { Autoencoder } from "../models/autoencoder.ts";
import { latentAutoencoder } from "../models/autoencoder_kl/latents.ts";
import type { Denoiser } from "../sampling/denoiser.ts";
import { type FlowSchedule, flowSchedule } from "../sampling/flow_schedule.ts";
import { samplerFromConfig } from "../sampling/from_config.ts";
import { type NoiseSchedule, noiseSchedule } from "../sampling/noise_schedule.ts";
import type { Sampler } from "../sampling/sampler.ts";
import { compile } from "../tensor/compile.ts";
import type { Params } from "../tensor/params.ts";
import type { Config } from "../weights/config.ts";
import { type Architecture, defaultSize, type SamplingDefaults } from "./architecture.ts";
import { encodePrompt } from "./encode_prompt.ts";
import { generateImages } from "./generate.ts";
import type { GenerationOptions, SchedulerChange } from "./generation_plan.ts";
import type { ModelIndex } from "./model_index.ts";
import type { Network } from "./network.ts";
import type { EncodedPrompts, PromptOptions } from "./prompts.ts";
import { checkSide, latentShape } from "./sizes.ts";

/** Which scheduler samples, and for what image size (dynamic shifting depends on it; default: the training images'). */
export interface PipelineSamplerOptions {
  scheduler?: SchedulerChange;
  height?: number;
  width?: number;
}

/**
 * A text-to-image pipeline: prompts in, images [B,H,W,3] in [−1,1] out, and its parts as sampling and tuning take them.
 * Weights are loaded when they are first needed.
 */
export interface Pipeline {
  /** diffusers' class, e.g. "StableDiffusionXLPipeline". */
  readonly className: string;
  readonly folder: string;
  /** Default side of the images in pixels. */
  readonly size: number;
  readonly defaults: SamplingDefaults;
  /** `scheduler_config.json`. */
  readonly scheduler: Config;
  /** The network that denoises; its weights are `params()`. */
  readonly denoiser: Denoiser;
  /** All networks by diffusers' names of the components: `unet` or `transformer`, `vae`, `text_encoder`, … */
  readonly networks: Readonly<Record<string, Network>>;
  /** Weights of the denoiser; the pipeline's to free. */
  params(): Promise<Params>;
  /** Between images and latents; differentiable. */
  autoencoder(): Promise<Autoencoder>;
  /**
   * A sampler as the checkpoint's scheduler, or another one.
   *
   * @throws UserError as `samplerFromConfig`
   */
  sampler(steps?: number, options?: PipelineSamplerOptions): Sampler;
  /**
   * Encodes P prompts, and what guidance leads away from, as diffusers' `encode_prompt`.
   *
   * @throws UserError for prompts that are no texts, and lists of unequal length
   */
  encodePrompt(prompt: string | readonly string[], options?: PromptOptions): Promise<EncodedPrompts>;
  /** Numbers that are part of each image's condition besides the texts, by name: SDXL's sizes, `time_ids`. */
  extras(options?: PromptOptions): Record<string, number[]>;
  /**
   * The schedule that the denoiser was trained on, for images of a size (see `PipelineSamplerOptions`).
   *
   * @throws UserError as `noiseSchedule` and `flowSchedule`
   */
  schedule(options?: Omit<PipelineSamplerOptions, "scheduler">): NoiseSchedule | FlowSchedule;
  /**
   * Makes images; from the same latents the same as diffusers. Two things differ in image to image: it starts from the mean
   * of the autoencoder's posterior, where diffusers draws from it; and with PNDM it starts at the same timestep as with
   * other schedulers, where diffusers, whose list has one timestep twice, starts a step earlier and then leaves its grid.
   *
   * @returns [B,H,W,3] in [−1,1], yours to dispose; B = prompts · imagesPerPrompt
   * @throws UserError for options that are wrong, before any weights are loaded; the signal's reason when aborted
   */
  generate(options: GenerationOptions): Promise<tf.Tensor4D>;
  /** Frees the weights of the text encoders; they are loaded again when a prompt is encoded. */
  freeTextEncoders(): void;
  /** Frees all weights and all that was compiled. */
  dispose(): void;
}

/** How a pipeline uses memory. */
export interface MemoryOptions {
  /**
   * Frees each text encoder right after its pass, so that no two of them are in memory at a time. Default: they are kept.
   * The first `generate` encodes before it loads the denoiser; to make more images of large models (T5 alone takes 19 GB),
   * encode all prompts first and give them as `encoded`.
   */
  freeTextEncoders?: boolean;
  /**
   * The denoiser's weights of products as int8, with a scale for each output channel: a quarter of float32, half of float16.
   * Default: in the type of their file, or the low type that products compute in.
   */
  base?: "int8";
  /** Decodes in tiles of this side, in latent positions: less memory for large images; default: whole. */
  tile?: number;
}

/** Makes a pipeline of its parts. */
export function makePipeline(
  { className, folder }: ModelIndex,
  parts: Architecture,
  { freeTextEncoders = false, base, tile }: MemoryOptions,
): Pipeline {
  if (base) parts.network.storage = base;
  const forward = compile(parts.denoiser.forward, { name: parts.network.name });
  const encode = compile(parts.vae.model.encode, { name: "vae encoder" });
  const decode = compile(parts.vae.model.decode, { name: "vae decoder" });
  const architecture = { ...parts, denoiser: { ...parts.denoiser, forward } };
  const networks = [parts.network, parts.vae, ...parts.textEncoders.map(({ network }) => network)];
  const latent = ({ height, width }: PipelineSamplerOptions) =>
    latentShape(parts, checkSide(parts, "height", height), checkSide(parts, "width", width));
  const pipeline: Pipeline = {
    className,
    folder,
    size: defaultSize(parts),
    defaults: parts.defaults,
    scheduler: parts.scheduler,
    denoiser: architecture.denoiser,
    networks: Object.fromEntries(networks.map((network) => [network.name, network])),
    params: () => parts.network.params(),
    async autoencoder() {
      return latentAutoencoder({ ...parts.vae.model, encode, decode }, await parts.vae.params(), { tile });
    },
    sampler(steps = parts.defaults.steps, { scheduler, ...size } = {}) {
      const change = typeof scheduler === "string" ? { _class_name: scheduler } : scheduler;
      const config = { ...parts.scheduler, ...change };
      return samplerFromConfig(config, steps, { mu: parts.shift(config, latent(size)) });
    },
    encodePrompt: (prompt, options = {}) => encodePrompt(architecture, prompt, options, freeTextEncoders),
    extras: (options = {}) => parts.extras(options, false),
    schedule: (size = {}) =>
      parts.denoiser.predictionType === "flow"
        ? flowSchedule(parts.scheduler, parts.shift(parts.scheduler, latent(size)))
        : noiseSchedule(parts.scheduler),
    generate: (options) => generateImages({ ...pipeline, architecture }, options),
    freeTextEncoders: () => parts.textEncoders.forEach(({ network }) => network.free()),
    dispose() {
      for (const compiled of [forward, encode, decode, ...parts.textEncoders]) compiled.dispose();
      for (const network of networks) network.free();
    },
  };
  return pipeline;
}
