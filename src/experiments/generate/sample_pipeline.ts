import * as tf from "@tensorflow/tfjs";
import { progress } from "../../display/progress.ts";
import { checkStrength, mergeLora, type MergeLoraOptions } from "../../lora/adapter.ts";
import { LORA_COMPONENTS } from "../../lora/components.ts";
import type { LoraNetworks } from "../../lora/layer_names.ts";
import { readLora } from "../../lora/read.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { EncodedPrompts } from "../../pipelines/prompts.ts";
import type { Condition } from "../../sampling/denoiser.ts";
import { SAMPLER_CLASSES, type SamplerName } from "../../sampling/sampler_names.ts";
import type { SampledImages } from "./sample_images.ts";

/** A LoRA and how strongly it counts. */
export interface LoraChoice extends MergeLoraOptions {
  /** A LoRA file, or a folder with one under the name of diffusers or of peft. */
  path: string;
}

export interface SamplePipelineOptions {
  /** Folder in diffusers' layout, a single file in the original names, or a repository of the Hugging Face Hub. */
  pipeline: string;
  /** The path of a LoRA, or several LoRAs, whose changes add up in this order; default: the pipeline as it is. */
  lora?: string | readonly LoraChoice[];
  /** Of a single file: folder of a pipeline of its family, whose configs and tokenizers are taken over. */
  configFrom?: string;
  prompts: readonly string[];
  negative?: string;
  /** Images of each prompt. */
  n: number;
  /** Default, as of the next three: the pipeline's own. */
  sampler?: SamplerName;
  steps?: number;
  guidanceScale?: number;
  /** Height and width in pixels. */
  size?: number;
  seed: number;
  signal?: AbortSignal;
  /** Called after every image with all that there are by then, of how many. */
  onImage?(soFar: SampledImages, total: number): void | Promise<void>;
}

/**
 * Samples images from a pipeline, with LoRAs if any are given: the first image of each prompt, the second of each, … Image
 * k of every prompt starts from the same noise, that of seed + k, with any LoRAs.
 *
 * @throws UserError for a pipeline or LoRA that cannot be loaded, and as the pipeline's `generate`; the signal's reason
 */
export async function samplePipeline(options: SamplePipelineOptions): Promise<SampledImages> {
  const { lora = [], configFrom } = options,
    loras: readonly LoraChoice[] = typeof lora === "string" ? [{ path: lora }] : lora;
  for (const { strength = 1 } of loras) checkStrength(strength);
  const pipeline = await loadPipeline(options.pipeline, { freeTextEncoders: true, configFrom });
  try {
    for (const choice of loras) await mergeLoras(pipeline, choice);
    return await sampleAll(pipeline, options);
  } finally {
    pipeline.dispose();
  }
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

async function sampleAll(pipeline: Pipeline, options: SamplePipelineOptions): Promise<SampledImages> {
  const { prompts, negative, n, seed, signal, onImage, size = pipeline.size } = options;
  const steps = options.steps ?? pipeline.defaults.steps;
  const guidanceScale = options.guidanceScale ?? pipeline.defaults.guidanceScale;
  const scheduler = options.sampler &&
    { clip_sample: false, ...pipeline.scheduler, _class_name: SAMPLER_CLASSES[options.sampler] };
  const shared = { steps, guidanceScale, height: size, width: size, scheduler, signal };
  const encoded = await pipeline.encodePrompt(prompts, { ...shared, negative, guidance: guidanceScale > 1 });
  for (const note of encoded.notes) console.error(note);
  const rows = rowsOf(encoded, prompts.length);
  tf.dispose([encoded.condition, encoded.nullCondition ?? {}]);
  const labels = Array.from({ length: n * prompts.length }, (_, i) => i % prompts.length);
  const pixels = size * size * 3, data = new Float32Array(labels.length * pixels);
  const firstOf = (count: number): SampledImages => ({
    data: data.subarray(0, count * pixels),
    shape: [count, size, size, 3],
    labels: labels.slice(0, count),
    classes: prompts.length,
    captions: labels.slice(0, count).map((label) => prompts[label]!),
  });
  const bar = progress(labels.length * pipeline.sampler(steps, shared).steps.length, "sampling");
  let done = 0;
  try {
    for (const [i, label] of labels.entries()) {
      const images = await pipeline.generate({
        ...shared,
        encoded: rows[label]!,
        seed: seed + Math.floor(i / prompts.length),
        onStep: () => bar.update(++done),
      });
      data.set(await images.data<"float32">(), i * pixels);
      images.dispose();
      await onImage?.(firstOf(i + 1), labels.length);
    }
  } finally {
    await bar.done();
    tf.dispose(rows.map(({ condition, nullCondition }) => [condition, nullCondition ?? {}]));
  }
  return firstOf(labels.length);
}

/** Encoded prompts one by one, as new tensors. */
function rowsOf({ condition, nullCondition }: EncodedPrompts, count: number): EncodedPrompts[] {
  const row = (condition: Condition, i: number) =>
    Object.fromEntries(
      Object.entries(condition).map(([name, x]) => [name, x.slice([x.shape[0] === 1 ? 0 : i], [1])]),
    );
  return Array.from({ length: count }, (_, i) => ({
    condition: row(condition, i),
    ...nullCondition && { nullCondition: row(nullCondition, i) },
    notes: [],
  }));
}

/** What a LoRA file may adapt of a pipeline. */
function networksOf({ networks }: Pipeline): LoraNetworks {
  const present = LORA_COMPONENTS.filter((name) => name in networks);
  return Object.fromEntries(present.map((name) => [name, networks[name]!.declarations]));
}
