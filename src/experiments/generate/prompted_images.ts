import * as tf from "@tensorflow/tfjs";
import { progress } from "../../display/progress.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { EncodedPrompts } from "../../pipelines/prompts.ts";
import type { Condition } from "../../sampling/denoiser.ts";
import { type PipelineSamplingOptions, samplingSettings } from "./open_pipeline.ts";
import type { SampledImages } from "./sample_images.ts";

/** Prompts, encoded one by one: yours to dispose with {@linkcode disposePrompts}. */
export interface PromptRows {
  texts: readonly string[];
  rows: readonly EncodedPrompts[];
}

export interface EncodingOptions extends PipelineSamplingOptions {
  negative?: string | undefined;
}

/** Encodes prompts at once, so that the text encoders need not stay. What was too long for them is told on stderr. */
export async function encodePrompts(
  pipeline: Pipeline,
  texts: readonly string[],
  options: EncodingOptions,
): Promise<PromptRows> {
  const { settings } = samplingSettings(pipeline, options), { negative } = options;
  const guidance = settings.guidanceScale > 1;
  const { condition, nullCondition, notes } = await pipeline.encodePrompt(texts, {
    ...settings,
    negative,
    guidance,
  });
  for (const note of notes) console.error(note);
  const rows = texts.map((_, i): EncodedPrompts => ({
    condition: rowOf(condition, i),
    ...nullCondition && { nullCondition: rowOf(nullCondition, i) },
    notes: [],
  }));
  tf.dispose([condition, nullCondition ?? {}]);
  return { texts, rows };
}

/** Row `i` of a condition as new tensors; where one row stands for all, that. */
function rowOf(condition: Condition, i: number): Condition {
  const rows = Object.entries(condition).map(([name, x]) =>
    [name, x.slice([x.shape[0] === 1 ? 0 : i], [1])] as const
  );
  return Object.fromEntries(rows);
}

export function disposePrompts({ rows }: PromptRows): void {
  tf.dispose(rows.map(({ condition, nullCondition }) => [condition, nullCondition ?? {}]));
}

export interface PromptedImagesOptions extends PipelineSamplingOptions {
  /** Images of each prompt. */
  n: number;
  seed: number;
  /** What the progress bar says before its numbers. Default "sampling". */
  label?: string;
  signal?: AbortSignal | undefined;
  /** Called after every image with all that there are by then, of how many. */
  onImage?: ((soFar: SampledImages, total: number) => void | Promise<void>) | undefined;
}

/**
 * Samples images of encoded prompts: the first image of each, the second of each, … Image k of every prompt starts from the
 * same noise, that of seed + k.
 *
 * @throws UserError as the pipeline's `generate`; the signal's reason
 */
export async function promptedImages(
  pipeline: Pipeline,
  { texts, rows }: PromptRows,
  options: PromptedImagesOptions,
): Promise<SampledImages> {
  const { n, seed, label: said = "sampling", signal, onImage } = options;
  const { settings, calls } = samplingSettings(pipeline, options), size = settings.height;
  const labels = Array.from({ length: n * texts.length }, (_, i) => i % texts.length);
  const pixels = size * size * 3, data = new Float32Array(labels.length * pixels);
  const firstOf = (count: number): SampledImages => ({
    data: data.subarray(0, count * pixels),
    shape: [count, size, size, 3],
    labels: labels.slice(0, count),
    classes: texts.length,
    captions: labels.slice(0, count).map((label) => texts[label]!),
  });
  const bar = progress(labels.length * calls, said);
  let done = 0;
  try {
    for (const [i, label] of labels.entries()) {
      const images = await pipeline.generate({
        ...settings,
        signal,
        encoded: rows[label]!,
        seed: seed + Math.floor(i / texts.length),
        onStep: () => bar.update(++done),
      });
      data.set(await images.data<"float32">(), i * pixels);
      images.dispose();
      await onImage?.(firstOf(i + 1), labels.length);
    }
  } finally {
    await bar.done();
  }
  return firstOf(labels.length);
}
