import * as tf from "@tensorflow/tfjs";
import type { Features } from "./features.ts";

/** Images to extract features from: a tensor [n, H, W, 3] in [-1, 1], or a source that makes them in batches. */
export type Images = tf.Tensor4D | ImageSource;

/** Images made (decoded, sampled, ...) only when they are asked for. */
export interface ImageSource {
  /** How many images. */
  n: number;
  /** Images `from` … `to - 1`, [to - from, H, W, 3] in [-1, 1]; the caller disposes the tensor. */
  batch(from: number, to: number): tf.Tensor4D | Promise<tf.Tensor4D>;
}

/** How to walk through the images. */
export interface ExtractOptions {
  /** Images per call of the network; the last call may get fewer. Default 100. */
  batchSize?: number;
  /** Called after every batch with the images done and in all. */
  onProgress?: (done: number, total: number) => void;
  /** Stops between two batches. */
  signal?: AbortSignal;
}

/**
 * Feature matrix of many images, batch by batch; tensors do not pile up, and the event loop runs between batches.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { extractFeatures } from "./extract_features.ts";
 * const meanColours = (x: tf.Tensor4D) => tf.mean<tf.Tensor2D>(x, [1, 2]);
 * const { n, d } = await extractFeatures(meanColours, tf.zeros([5, 8, 8, 3]), { batchSize: 2 });
 * console.assert(n === 5 && d === 3);
 * ```
 *
 * @param network images [B, H, W, 3] to features [B, D]
 */
export async function extractFeatures(
  network: (images: tf.Tensor4D) => tf.Tensor2D,
  images: Images,
  options: ExtractOptions = {},
): Promise<Features> {
  return (await extractOutputs((x) => ({ features: network(x) }), images, options)).features;
}

/**
 * Several outputs of a network in one pass, e.g. `{ features, logits }`, each as a matrix [n, D].
 *
 * @param network images [B, H, W, 3] to named outputs [B, D]
 */
export async function extractOutputs<Name extends string>(
  network: (images: tf.Tensor4D) => Record<Name, tf.Tensor2D>,
  images: Images,
  { batchSize = 100, onProgress, signal }: ExtractOptions = {},
): Promise<Record<Name, Features>> {
  const source = images instanceof tf.Tensor ? sourceOf(images) : images;
  const out = {} as Record<Name, Features>;
  for (let from = 0; from < source.n; from += batchSize) {
    signal?.throwIfAborted();
    const to = Math.min(source.n, from + batchSize);
    const batch = await source.batch(from, to);
    const outputs = tf.tidy(() => network(batch));
    batch.dispose();
    for (const name in outputs) {
      const output = outputs[name], d = output.shape[1];
      out[name] ??= { n: source.n, d, data: new Float32Array(source.n * d) };
      out[name].data.set(await output.data<"float32">(), from * d);
      output.dispose();
    }
    onProgress?.(to, source.n);
  }
  return out;
}

function sourceOf(images: tf.Tensor4D): ImageSource {
  return {
    n: images.shape[0],
    batch: (from, to) => tf.slice(images, [from, 0, 0, 0], [to - from, -1, -1, -1]),
  };
}
