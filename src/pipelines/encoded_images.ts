import * as tf from "@tensorflow/tfjs";
import type { ImageFolder } from "../data/image_folder.ts";
import { type StoredImage, storedSha256 } from "../data/stored_image.ts";
import { cacheKey } from "../data/tensor_cache.ts";
import type { EncodingOptions } from "./encoded_texts.ts";
import { componentsFingerprint } from "./fingerprint.ts";
import type { Pipeline } from "./pipeline.ts";

/** Reads the latents [B,h,w,c] of images by their places in the data set; the caller disposes them. */
export type CachedLatents = (indices: ArrayLike<number>) => Promise<tf.Tensor>;

/**
 * Encodes the images of a folder with a pipeline's autoencoder and keeps the latents in a cache: what the cache has from an
 * earlier run, of the same file at the same resolution by the same autoencoder, is not computed again. An image that
 * cannot be read is left out, as in the data set another one stands in for it.
 *
 * @param resolution that the folder was opened with
 * @throws UserError for a resolution that the autoencoder does not divide; the signal's reason when aborted: what was
 * encoded until then is kept
 */
export async function cacheLatents(
  pipeline: Pipeline,
  folder: ImageFolder,
  resolution: number,
  { cache, signal, onProgress }: EncodingOptions,
): Promise<CachedLatents> {
  const model = await componentsFingerprint(pipeline.folder, ["vae"]), keys: string[] = [];
  const digests = new Map<StoredImage, Promise<string>>(); // images come several times where they are repeated or mirrored
  const digestOf = (image: StoredImage) => {
    if (!digests.has(image)) digests.set(image, storedSha256(image));
    return digests.get(image)!;
  };
  for (const [i, { stored, mirrored }] of folder.images.entries()) {
    signal?.throwIfAborted();
    const view = [String(resolution), ...mirrored ? ["mirrored"] : []];
    const key = cacheKey("latents", model, await digestOf(stored), ...view);
    if (!await cache.has(key)) await encode(i, key);
    keys.push(key);
    onProgress?.(i + 1, folder.size);
  }
  return async (indices) => {
    const rows = await Promise.all(Array.from(indices, (i) => cache.get(keys[i]!)));
    const latents = tf.concat(rows.map((row) => row.latents!));
    tf.dispose(rows);
    return latents;
  };

  async function encode(i: number, key: string): Promise<void> {
    const autoencoder = await pipeline.autoencoder(), { images, indices } = await folder.get([i]);
    const latents = indices[0] === i ? tf.tidy(() => autoencoder.encode(images)) : null;
    images.dispose();
    if (latents) await cache.put(key, { latents });
    latents?.dispose();
  }
}
