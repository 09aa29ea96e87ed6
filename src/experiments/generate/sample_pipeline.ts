import * as tf from "@tensorflow/tfjs";
import { progress } from "../../display/progress.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { EncodedPrompts } from "../../pipelines/prompts.ts";
import type { Condition } from "../../sampling/denoiser.ts";
import {
  openPipeline,
  type PipelineSamplingOptions,
  type PipelineSource,
  samplingSettings,
} from "./open_pipeline.ts";
import type { SampledImages } from "./sample_images.ts";

export interface SamplePipelineOptions extends PipelineSource, PipelineSamplingOptions {
  prompts: readonly string[];
  negative?: string;
  /** Images of each prompt. */
  n: number;
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
  const pipeline = await openPipeline(options, true);
  try {
    return await sampleAll(pipeline, options);
  } finally {
    pipeline.dispose();
  }
}

async function sampleAll(pipeline: Pipeline, options: SamplePipelineOptions): Promise<SampledImages> {
  const { prompts, negative, n, seed, signal, onImage } = options;
  const { settings, calls } = samplingSettings(pipeline, options), size = settings.height;
  const shared = { ...settings, signal };
  const encoded = await pipeline.encodePrompt(prompts, {
    ...shared,
    negative,
    guidance: settings.guidanceScale > 1,
  });
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
  const bar = progress(labels.length * calls, "sampling");
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
