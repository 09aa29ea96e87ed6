import * as tf from "@tensorflow/tfjs";
import { checkStrength, mergeLora, type MergeLoraOptions } from "../../lora/adapter.ts";
import { LORA_COMPONENTS } from "../../lora/components.ts";
import type { LoraNetworks } from "../../lora/layer_names.ts";
import { readLora } from "../../lora/read.ts";
import type { SchedulerChange } from "../../pipelines/generation_plan.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { SAMPLER_CLASSES, type SamplerName } from "../../sampling/sampler_names.ts";

/** A LoRA and how strongly it counts. */
export interface LoraChoice extends MergeLoraOptions {
  /** A LoRA file, or a folder with one under the name of diffusers or of peft. */
  path: string;
}

/** A pipeline as it is to be sampled. */
export interface PipelineSource {
  /** Folder in diffusers' layout, a single file in the original names, or a repository of the Hugging Face Hub. */
  pipeline: string;
  /** The path of a LoRA, or several LoRAs, whose changes add up in this order; default: the pipeline as it is. */
  lora?: string | readonly LoraChoice[];
  /** Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  configFrom?: string;
}

/** How a pipeline is sampled; what is not given is as the pipeline has it. */
export interface PipelineSamplingOptions {
  sampler?: SamplerName;
  steps?: number;
  guidanceScale?: number;
  /** Height and width in pixels. */
  size?: number;
}

/**
 * Loads a pipeline, with LoRAs if any are given.
 *
 * @param freeTextEncoders whether each text encoder's weights are freed after its pass: for prompts that are encoded at once
 * @throws UserError for a pipeline or LoRA that cannot be loaded
 */
export async function openPipeline(
  { pipeline: path, lora = [], configFrom }: PipelineSource,
  freeTextEncoders: boolean,
): Promise<Pipeline> {
  const loras: readonly LoraChoice[] = typeof lora === "string" ? [{ path: lora }] : lora;
  for (const { strength = 1 } of loras) checkStrength(strength);
  const pipeline = await loadPipeline(path, { freeTextEncoders, configFrom });
  try {
    for (const choice of loras) await mergeLoras(pipeline, choice);
    return pipeline;
  } catch (error) {
    pipeline.dispose();
    throw error;
  }
}

/** The same for `Pipeline.generate`, and how many calls of the network an image takes. */
export function samplingSettings(pipeline: Pipeline, options: PipelineSamplingOptions): {
  settings: {
    steps: number;
    guidanceScale: number;
    height: number;
    width: number;
    scheduler?: SchedulerChange;
  };
  calls: number;
} {
  const size = options.size ?? pipeline.size, steps = options.steps ?? pipeline.defaults.steps;
  const guidanceScale = options.guidanceScale ?? pipeline.defaults.guidanceScale;
  const scheduler = options.sampler &&
    { clip_sample: false, ...pipeline.scheduler, _class_name: SAMPLER_CLASSES[options.sampler] };
  const settings = { steps, guidanceScale, height: size, width: size, scheduler };
  return { settings, calls: pipeline.sampler(steps, settings).steps.length };
}

/** Writes a file's LoRAs into a pipeline's loaded weights. */
async function mergeLoras(pipeline: Pipeline, { path, strength }: LoraChoice): Promise<void> {
  const loras = Object.entries(await readLora(path, networksOf(pipeline)));
  try {
    for (const [name, lora] of loras) mergeLora(await pipeline.networks[name]!.params(), lora, { strength });
  } finally {
    tf.dispose(loras.map(([, { params }]) => params));
  }
}

/** What a LoRA file may adapt of a pipeline. */
function networksOf({ networks }: Pipeline): LoraNetworks {
  const present = LORA_COMPONENTS.filter((name) => name in networks);
  return Object.fromEntries(present.map((name) => [name, networks[name]!.declarations]));
}
