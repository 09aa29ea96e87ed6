import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { cacheKey, type TensorCache } from "../data/tensor_cache.ts";
import { fileSha256 } from "../runtime/sha256.ts";
import type { Condition } from "../sampling/denoiser.ts";
import { componentsFingerprint } from "./fingerprint.ts";
import type { Pipeline } from "./pipeline.ts";

/** What encoding needs besides the model and the data. */
export interface EncodingOptions {
  cache: TensorCache;
  signal?: AbortSignal;
  /** Told how many of all are encoded. */
  onProgress?: (done: number, total: number) => void;
}

/** Texts as a pipeline's denoiser takes them, read from a cache when they are asked for. */
export interface CachedTexts {
  /** The condition of texts that were encoded, [B,…]; without numbers as SDXL's sizes. The caller disposes it. */
  condition(texts: readonly string[]): Promise<Condition>;
  /** What guidance leads away from: no text, batch 1; likewise. */
  nullCondition: Condition;
}

/** Part of all keys; another one makes what earlier versions kept, which had other tensors, count as missing. */
const FORM = "2";

/** Texts that go through the encoders together, so that each encoder is loaded once for as many. */
const TOGETHER = 32;

/**
 * Encodes texts for a pipeline's denoiser, each once, and keeps the results in a cache: what the cache has from an earlier
 * run, of the same text by the same encoders, is not computed again. The encoders' weights are freed at the end.
 *
 * @param pipeline best loaded with `freeTextEncoders`: then no two encoders are in memory at a time
 * @throws UserError as `encodePrompt`; the signal's reason when aborted: what was encoded until then is kept
 */
export async function cacheTexts(
  pipeline: Pipeline,
  texts: readonly string[],
  { cache, signal, onProgress }: EncodingOptions,
): Promise<CachedTexts> {
  const encoders = Object.keys(pipeline.networks).filter((name) => name.startsWith("text_encoder"));
  const model = await componentsFingerprint(pipeline.folder, [...encoders, ...encoders.map(tokenizerOf)]);
  const index = await fileSha256(join(pipeline.folder, "model_index.json")); // it may ask for zeros in place of no text
  const keyOf = (text: string) => cacheKey("text", FORM, model, text);
  const nullKey = cacheKey("no text", FORM, model, index);
  const wanted = [...new Set(texts)], missing: string[] = [];
  for (const text of wanted) if (!await cache.has(keyOf(text))) missing.push(text);
  if (missing.length === 0 && !await cache.has(nullKey)) missing.push(wanted[0] ?? "");
  for (let from = 0; from < missing.length; from += TOGETHER) {
    signal?.throwIfAborted();
    onProgress?.(from, missing.length);
    const some = missing.slice(from, from + TOGETHER);
    const { condition, nullCondition, notes } = await pipeline.encodePrompt(some);
    for (const note of notes) console.error(note);
    for (const [i, text] of some.entries()) await put(cache, keyOf(text), pipeline, condition, i);
    if (!await cache.has(nullKey)) await put(cache, nullKey, pipeline, nullCondition!, 0);
    tf.dispose([condition, nullCondition!]);
    onProgress?.(from + some.length, missing.length);
  }
  pipeline.freeTextEncoders();
  return {
    async condition(texts) {
      const rows = await Promise.all(texts.map((text) => cache.get(keyOf(text))));
      const condition = tf.tidy(() =>
        Object.fromEntries(
          Object.keys(rows[0]!).map((name) => [name, tf.concat(rows.map((row) => row[name]!))]),
        )
      );
      tf.dispose(rows);
      return condition;
    },
    nullCondition: await cache.get(nullKey),
  };
}

const tokenizerOf = (encoder: string) => encoder.replace("text_encoder", "tokenizer");

/** Keeps row i of a condition, with batch 1, without the numbers that do not come from the text. */
async function put(
  cache: TensorCache,
  key: string,
  pipeline: Pipeline,
  condition: Condition,
  i: number,
): Promise<void> {
  const numbers = Object.keys(pipeline.extras());
  const texts = Object.entries(condition).filter(([name]) => !numbers.includes(name));
  const row = tf.tidy(() => Object.fromEntries(texts.map(([name, x]) => [name, x.slice([i], [1])])));
  await cache.put(key, row);
  tf.dispose(row);
}
