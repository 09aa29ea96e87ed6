import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import type { StepEvent } from "../sampling/sample.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { Config } from "../weights/config.ts";
import type { Architecture } from "./architecture.ts";
import { type ImageNoise, imageNoise } from "./image_noise.ts";
import type { EncodedPrompts, PromptOptions } from "./prompts.ts";
import { checkImage, checkSide, latentShape } from "./sizes.ts";

/** Another scheduler class on the same noise schedule, by diffusers' name, or settings that replace the checkpoint's. */
export type SchedulerChange = string | Config;

/** What a pipeline is to make. */
export interface GenerationOptions extends Omit<PromptOptions, "guidance"> {
  /** One text or several. */
  prompt?: string | readonly string[];
  /** What `encodePrompt` gave for images of this size, instead of texts; stays yours. */
  encoded?: EncodedPrompts;
  /** Images of each prompt. Default 1. The images of a prompt follow one another. */
  imagesPerPrompt?: number;
  /** Sampling steps; default: the pipeline's `defaults`. */
  steps?: number;
  /** w of classifier-free guidance, likewise; 1 or less is none. */
  guidanceScale?: number;
  /** One seed, or one for each image. Default 0. The same seed gives the same noise on every engine and in every batch. */
  seed?: number | readonly number[];
  /** Standard normal noise [B,h,w,c] instead of the seed's: the start, or what is added to an image's latents. */
  latents?: tf.Tensor;
  /** Image to image starts from this, [H,W,3], or one for each prompt or each image [B,H,W,3], in [−1,1]. */
  image?: tf.Tensor;
  /** How much of the path image to image makes: from 0, nothing, to 1, all; default: the pipeline's. */
  strength?: number;
  scheduler?: SchedulerChange;
  /** Stops between steps. */
  signal?: AbortSignal;
  onStep?: (event: StepEvent) => void | Promise<void>;
  /** Told of each text that was too long for an encoder; default: a warning on the console. */
  onNote?: (note: string) => void;
}

/** Makes the sampler of a pipeline. */
export type MakeSampler = (
  steps: number,
  options: { scheduler?: SchedulerChange; height: number; width: number },
) => Sampler;

/** What is known before anything is computed. */
export interface GenerationPlan {
  height: number;
  width: number;
  /** Prompts P, images of each, and images B in all. */
  prompts: number;
  each: number;
  batch: number;
  /** Shape of one image's latents. */
  latent: [number, number, number];
  guidanceScale: number;
  sampler: Sampler;
  /** First call. */
  from: number;
  noise: ImageNoise;
}

/**
 * Checks all that is asked for, before any weights are loaded.
 *
 * @throws UserError that says what is wrong
 */
export function planGeneration(
  architecture: Architecture,
  makeSampler: MakeSampler,
  options: GenerationOptions,
): GenerationPlan {
  const { defaults } = architecture, { image, latents } = options;
  const each = options.imagesPerPrompt ?? 1, steps = options.steps ?? defaults.steps;
  if (!Number.isInteger(each) || each < 1) {
    throw new UserError(`imagesPerPrompt: expected a whole number of at least 1, got ${each}`);
  }
  const guidanceScale = Math.max(1, options.guidanceScale ?? defaults.guidanceScale);
  const prompts = promptCount(options, guidanceScale > 1), batch = prompts * each;
  const [height, width] = image
    ? checkImage(architecture, image, { ...options, prompts, batch })
    : [checkSide(architecture, "height", options.height), checkSide(architecture, "width", options.width)];
  const latent = latentShape(architecture, height, width), expected = [batch, ...latent];
  if (latents && latents.shape.join() !== expected.join()) {
    throw new UserError(`latents: got shape [${latents.shape}], expected [${expected}]`);
  }
  const sampler = makeSampler(steps, { scheduler: options.scheduler, height, width });
  const strength = options.strength ?? defaults.strength;
  return {
    ...{ height, width, prompts, each, batch, latent, guidanceScale, sampler },
    from: image ? firstCall(architecture, sampler, steps, strength) : 0,
    noise: imageNoise(options.seed ?? 0, batch),
  };
}

function promptCount({ prompt, encoded }: GenerationOptions, guidance: boolean): number {
  if ((prompt === undefined) === (encoded === undefined)) {
    throw new UserError("expected either a prompt or encoded prompts");
  }
  if (!encoded) return [prompt].flat().length;
  if (guidance && !encoded.nullCondition) {
    throw new UserError(
      "the encoded prompts have no null condition: encode them with guidance, or use guidanceScale 1",
    );
  }
  return Object.values(encoded.condition)[0]!.shape[0]!;
}

/** The call at which image to image starts. */
function firstCall(
  architecture: Architecture,
  { starts }: Sampler,
  steps: number,
  strength: number,
): number {
  if (!(strength >= 0 && strength <= 1)) {
    throw new UserError(`strength: expected a number from 0 to 1, got ${strength}`);
  }
  const call = starts[architecture.firstStep(steps, strength)];
  if (call !== undefined) return call;
  throw new UserError(`strength ${strength} leaves none of ${steps} steps; use more of either`);
}
