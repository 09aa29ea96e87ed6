import * as tf from "@tensorflow/tfjs";
import { fromNCHW } from "../../src/models/image_layout.ts";
import type { GenerationOptions } from "../../src/pipelines/generation_plan.ts";
import type { Size } from "../../src/pipelines/prompts.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { fixture } from "../support.ts";

/** A recorded call of a diffusers pipeline. */
export interface PipelineCase {
  options: GenerationOptions & { prompt: string[] };
  /** What diffusers gave, by name; images [B,H,W,3]. */
  expected: Record<string, tf.Tensor>;
  dispose(): void;
}

/** diffusers' arguments as they are in `cases.json`. */
interface Arguments {
  prompt: string | string[];
  prompt_2?: string;
  prompt_3?: string;
  negative_prompt?: string | string[];
  negative_prompt_2?: string;
  negative_prompt_3?: string;
  num_images_per_prompt?: number;
  num_inference_steps: number;
  guidance_scale: number;
  height?: number;
  width?: number;
  strength?: number;
  max_sequence_length?: number;
  scheduler?: Record<string, unknown>;
  original_size?: Size;
  crops_coords_top_left?: Size;
  target_size?: Size;
  negative_original_size?: Size;
  negative_crops_coords_top_left?: Size;
  negative_target_size?: Size;
}

/** Reads a case of a recorded pipeline. */
export async function loadCase(pipeline: string, name: string): Promise<PipelineCase> {
  const cases: Record<string, Arguments> = JSON.parse(
    await Deno.readTextFile(fixture(`${pipeline}/cases.json`)),
  );
  const expected: Record<string, tf.Tensor> = {};
  for (
    const [key, { data, shape }] of Object.entries(
      await readTensors(fixture(`${pipeline}/recorded.safetensors`)),
    )
  ) {
    if (!key.startsWith(`${name}.`)) continue;
    expected[key.slice(name.length + 1)] = tf.tidy(() => fromNCHW(tf.tensor(data, [...shape])));
  }
  const a = cases[name]!, { latents, start_image } = expected;
  const options = {
    prompt: [a.prompt].flat(),
    negative: a.negative_prompt,
    prompt2: a.prompt_2,
    prompt3: a.prompt_3,
    negative2: a.negative_prompt_2,
    negative3: a.negative_prompt_3,
    imagesPerPrompt: a.num_images_per_prompt,
    steps: a.num_inference_steps,
    guidanceScale: a.guidance_scale,
    height: a.height,
    width: a.width,
    maxSequenceLength: a.max_sequence_length,
    scheduler: a.scheduler,
    ...a.original_size && {
      sizes: { original: a.original_size, crop: a.crops_coords_top_left, target: a.target_size },
      negativeSizes: {
        original: a.negative_original_size,
        crop: a.negative_crops_coords_top_left,
        target: a.negative_target_size,
      },
    },
    latents,
    onNote: () => {},
    ...start_image && { image: start_image, strength: a.strength },
  };
  return { options, expected, dispose: () => tf.dispose(expected) };
}
