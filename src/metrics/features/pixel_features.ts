import * as tf from "@tensorflow/tfjs";
import type { ExtractOptions } from "./extract_features.ts";
import type { Features } from "./features.ts";
import type { FeatureNetwork } from "./networks.ts";
import { type Pixels, type Preparation, prepareImage } from "./prepare_image.ts";

/** Pictures of 8 bits that are made (decoded, sampled, ...) only when they are asked for. */
export interface PixelSource {
  /** How many pictures. */
  n: number;
  /** Pictures `from` … `to - 1`. */
  batch(from: number, to: number): Pixels[] | Promise<Pixels[]>;
}

/** Pictures as the input of a network: [B, size, size, 3] in [-1, 1]. */
export function preparedBatch(pictures: readonly Pixels[], preparation: Preparation): tf.Tensor4D {
  return stackImages(pictures.map((picture) => prepareImage(picture, preparation)), preparation.size);
}

/** Prepared images, 0 … 255, to [B, size, size, 3] in [-1, 1]. */
export function stackImages(images: readonly Float32Array[], size: number): tf.Tensor4D {
  const length = size * size * 3, values = new Float32Array(images.length * length);
  images.forEach((image, b) => {
    for (let i = 0; i < length; i++) values[b * length + i] = image[i]! / 127.5 - 1;
  });
  return tf.tensor4d(values, [images.length, size, size, 3]);
}

/**
 * Feature matrices of pictures by several networks, in one pass over the pictures: they are asked for batch by batch, and
 * of a batch only the features stay.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { extractPixelFeatures } from "./pixel_features.ts";
 * await tf.setBackend("cpu");
 * const colours = {
 *   preparation: { size: 4, fit: "squash" as const, eightBit: true },
 *   features: (images: tf.Tensor4D) => tf.mean<tf.Tensor2D>(images, [1, 2]),
 *   dispose() {},
 * };
 * const white = { width: 2, height: 2, data: new Uint8Array(12).fill(255) };
 * const [features] = await extractPixelFeatures([colours], { n: 2, batch: () => [white, white] });
 * console.log(features!.data); // six ones
 * ```
 *
 * @returns one matrix [n, D] for each network, in their order
 */
export async function extractPixelFeatures(
  networks: readonly FeatureNetwork[],
  source: PixelSource,
  { batchSize = 32, onProgress, signal }: ExtractOptions = {},
): Promise<Features[]> {
  const out: Features[] = [];
  onProgress?.(0, source.n);
  for (let from = 0; from < source.n; from += batchSize) {
    signal?.throwIfAborted();
    const to = Math.min(source.n, from + batchSize), pictures = await source.batch(from, to);
    for (const [i, network] of networks.entries()) {
      const features = tf.tidy(() => network.features(preparedBatch(pictures, network.preparation)));
      const d = features.shape[1];
      out[i] ??= { n: source.n, d, data: new Float32Array(source.n * d) };
      out[i].data.set(await features.data<"float32">(), from * d);
      features.dispose();
    }
    onProgress?.(to, source.n);
  }
  return out;
}
