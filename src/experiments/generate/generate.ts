import * as tf from "@tensorflow/tfjs";
import type { ImageSource } from "../../metrics/features/extract_features.ts";
import type { Autoencoder } from "../../models/autoencoder.ts";
import { normalBatch } from "../../runtime/random.ts";
import type { Denoiser } from "../../sampling/denoiser.ts";
import { finiteImages } from "../../sampling/finite_images.ts";
import { sample, type StepEvent } from "../../sampling/sample.ts";
import type { Sampler } from "../../sampling/sampler.ts";
import { stepNoise } from "../../sampling/step_noise.ts";
import type { Params } from "../../tensor/params.ts";
import { classTokens } from "../../training/class_tokens.ts";

/** A class-conditional model with the way it is sampled. */
export interface Generator {
  denoiser: Denoiser;
  params: Params;
  autoencoder: Autoencoder;
  sampler: Sampler;
  /** Classifier-free guidance; 1 is none. */
  guidanceScale: number;
  /** Number of classes; the model has one token more, for no class. */
  classes: number;
  /** Height and width of its images in pixels. */
  size: [number, number];
}

export interface GenerateOptions {
  seed: number;
  signal?: AbortSignal;
  onStep?: (event: StepEvent) => void | Promise<void>;
}

/**
 * Images of the given classes, [B,H,W,3]. Image `numbers[i]` of a seed starts from the same noise in every model and in
 * every batch, so samples of two models are pairs.
 *
 * @param numbers the images' own numbers [B]; @param labels their classes [B]
 * @throws NotFiniteError for pictures with NaN or infinite numbers
 */
export async function generate(
  generator: Generator,
  numbers: ArrayLike<number>,
  labels: ArrayLike<number>,
  { seed, signal, onStep }: GenerateOptions,
): Promise<tf.Tensor4D> {
  const { denoiser, params, autoencoder, sampler, guidanceScale, classes, size } = generator;
  const shape = autoencoder.latentShape(...size);
  const noise = tf.tidy(() => {
    const values = normalBatch({ seed, purpose: "sampling noise", step: 0 }, numbers, shape);
    return tf.tensor(values, [numbers.length, ...shape]).mul(sampler.initNoiseSigma);
  });
  const condition = classTokens(labels, classes), nullCondition = classTokens([-1], classes);
  try {
    const end = await sample(denoiser, params, sampler, noise, condition, {
      guidanceScale,
      nullCondition,
      noise: stepNoise({ seed, purpose: "sampler noise", step: 0 }, numbers, shape),
      signal,
      onStep,
    });
    const decoded = tf.tidy(() => autoencoder.decode(end));
    end.dispose();
    return await finiteImages(decoded);
  } finally {
    tf.dispose([noise, condition, nullCondition]);
  }
}

/** Class of image number i where every class is wanted equally often: i modulo the number of classes. */
export function balancedLabels(numbers: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from(numbers, (i) => i % classes);
}

/** `n` images of balanced classes, made batch by batch when they are asked for. */
export function generatedImages(generator: Generator, n: number, options: GenerateOptions): ImageSource {
  return {
    n,
    batch(from, to) {
      const numbers = Array.from({ length: to - from }, (_, i) => from + i);
      return generate(generator, numbers, balancedLabels(numbers, generator.classes), options);
    },
  };
}
