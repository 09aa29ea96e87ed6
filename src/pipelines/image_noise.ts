import * as tf from "@tensorflow/tfjs";
import { normal } from "../runtime/random.ts";
import { UserError } from "../runtime/errors.ts";

/** Where an image's random numbers come from. */
interface ImageKey {
  seed: number;
  sample: number;
}

/** Standard normal noise [B,…shape] for a purpose; the same numbers for an image in whatever batch it is. */
export type ImageNoise = (purpose: string, shape: readonly number[]) => tf.Tensor;

/**
 * The random numbers of B images: with one seed image i is number i of that seed, with a list of seeds each image is number
 * 0 of its own.
 *
 * @throws UserError for seeds that are none, or as many as neither 1 nor B
 */
export function imageNoise(seed: number | readonly number[], batch: number): ImageNoise {
  const seeds = typeof seed === "number" ? [seed] : seed;
  if (!Array.isArray(seeds) || !seeds.every((s) => Number.isSafeInteger(s) && s >= 0)) {
    throw new UserError(`seed: expected whole numbers from 0 to 2^53 − 1, got ${JSON.stringify(seed)}`);
  }
  if (typeof seed !== "number" && seeds.length !== batch) {
    throw new UserError(`seed: ${seeds.length} seeds for ${batch} images; give one, or one for each`);
  }
  const keys = Array.from(
    { length: batch },
    (_, i): ImageKey => typeof seed === "number" ? { seed, sample: i } : { seed: seeds[i]!, sample: 0 },
  );
  return (purpose, shape) => {
    const size = shape.reduce((a, b) => a * b, 1), values = new Float32Array(batch * size);
    keys.forEach((key, i) => values.set(normal({ ...key, purpose, step: 0 }, size), i * size));
    return tf.tensor(values, [batch, ...shape]);
  };
}
