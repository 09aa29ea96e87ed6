import { type AutoencoderKL, autoencoderKL } from "../models/autoencoder_kl/autoencoder_kl.ts";
import { loadAutoencoderKLParams } from "../models/autoencoder_kl/params.ts";
import { pixelsPerLatent } from "../models/autoencoder_kl/tiles.ts";
import { UserError } from "../runtime/errors.ts";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import type { Config } from "../weights/config.ts";
import { openNetwork, type Part } from "./network.ts";
import type { PromptOptions } from "./prompts.ts";
import type { EncodedTexts, TextEncoder } from "./text_encoder.ts";

/** How a pipeline samples unless it is told otherwise, as its diffusers class does. */
export interface SamplingDefaults {
  steps: number;
  guidanceScale: number;
  /** Of image to image. */
  strength: number;
}

/** What sets the pipeline classes apart. */
export interface Architecture {
  /** `scheduler_config.json`. */
  scheduler: Config;
  defaults: SamplingDefaults;
  /** The network that denoises. */
  network: Part<unknown>;
  denoiser: Denoiser;
  vae: Part<AutoencoderKL>;
  /** In the order of diffusers' names. */
  textEncoders: TextEncoder[];
  /** Sides of the training latents, of which the default image size follows. */
  sampleSize: number;
  /** Sides of latents must be multiples of this … */
  multiple: number;
  /** … and not be larger than this. */
  largest: number;
  /** Tokens for each text encoder. */
  lengths(options: PromptOptions): number[];
  /** Whether the null condition is zeros instead of an encoded text. */
  zeroNull(options: PromptOptions): boolean;
  /** Joins what the encoders made of N texts → condition with batch N. */
  combine(encoded: EncodedTexts[], options: PromptOptions): Condition;
  /** Numbers that are part of the condition, the same for all prompts: SDXL's sizes. */
  extras(options: PromptOptions, isNull: boolean): Record<string, number[]>;
  /** First step of `steps` that image to image makes, from 0. */
  firstStep(steps: number, strength: number): number;
  /** μ of dynamic shifting for latents of this shape (h, w, c); undefined where the scheduler needs none. */
  shift(scheduler: Config, latent: readonly number[]): number | undefined;
}

/** Opens the `vae` folder of a pipeline. */
export function openVae(pipeline: string): Promise<Part<AutoencoderKL>> {
  return openNetwork(pipeline, "vae", "AutoencoderKL", autoencoderKL, loadAutoencoderKLParams);
}

/** The default image size in pixels. */
export function defaultSize({ sampleSize, vae }: Architecture): number {
  return sampleSize * pixelsPerLatent(vae.model.config);
}

/**
 * Checks that parts of a pipeline belong together.
 *
 * @param pairs what, its value, and the value that it must have
 * @throws UserError that lists all that differ
 */
export function checkFit(
  folder: string,
  pairs: readonly (readonly [string, number, string, number])[],
): void {
  const wrong = pairs.filter(([, a, , b]) => a !== b)
    .map(([left, a, right, b]) => `${left} is ${a}, ${right} ${b}`);
  if (wrong.length === 0) return;
  throw new UserError(
    `${folder}: its parts do not belong together:\n  ${wrong.join("\n  ")}\n` +
      "Check that all folders are of the same checkpoint.",
  );
}

/** First step of Stable Diffusion's and SDXL's image to image: the last ⌊steps·strength⌋ are made. */
export function lastSteps(steps: number, strength: number): number {
  return steps - Math.min(Math.trunc(steps * strength), steps);
}
