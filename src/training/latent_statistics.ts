import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import type { AutoencoderKL } from "../models/autoencoder_kl/autoencoder_kl.ts";
import { permutation } from "../runtime/random.ts";
import { compile } from "../tensor/compile.ts";
import type { Params } from "../tensor/params.ts";

/** Mean and standard deviation of all latent numbers, unscaled, and of how many images. */
export interface LatentStatistics {
  mean: number;
  std: number;
  images: number;
}

/** How many images the statistics are taken of at most: they have enough latent numbers. */
const MOST_IMAGES = 1024;

/**
 * Measures the latents of a data set: the means of the posteriors, as `latentAutoencoder` encodes images, in all positions
 * and channels together. Of a large data set a random part is taken.
 *
 * @param seed chooses that part
 */
export async function latentStatistics(
  model: AutoencoderKL,
  params: Params,
  dataset: Dataset,
  { batchSize, seed }: { batchSize: number; seed: number },
): Promise<LatentStatistics> {
  const encode = compile(function encode(params: Params, images: tf.Tensor) {
    return model.encode(params, images).mean;
  });
  const chosen = permutation({ seed, purpose: "latent statistics", step: 0 }, dataset.size)
    .subarray(0, MOST_IMAGES);
  let sum = 0, squares = 0, count = 0;
  try {
    for (let at = 0; at < chosen.length; at += batchSize) {
      const { images } = await dataset.get(chosen.subarray(at, at + batchSize));
      const latents = encode(params, images);
      for (const z of await latents.data()) sum += z, squares += z * z;
      count += latents.size;
      tf.dispose([images, latents]);
    }
  } finally {
    encode.dispose();
  }
  const mean = sum / count;
  return { mean, std: Math.sqrt(squares / count - mean * mean), images: chosen.length };
}
