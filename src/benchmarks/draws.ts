/**
 * Random inputs drawn as `adtStep` draws them, for an implementation without this project's random numbers.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type AugmentationSettings, augmentationTensors, drawAugmentation } from "../adt/augmentation.ts";
import type { HostTensor } from "../weights/dtypes.ts";
import type { writeTensors } from "../weights/safetensors.ts";

/** What `writeTensors` takes. */
export type HostTensors = Parameters<typeof writeTensors>[1];

/** Which images are augmented for whose update. */
const AUGMENTED = { generator: ["generated", "real"], discriminator: ["generated", "real", "positive"] };

/**
 * Parameters of all augmentations of a step, [B] each, named `generator.generated.shiftRow` and so on.
 *
 * @param images their shape [B,H,W,3]
 */
export function drawAugmentations(
  images: readonly number[],
  settings: AugmentationSettings,
  { seed, step }: { seed: number; step: number },
): Record<string, tf.Tensor> {
  const [count, ...shape] = images as [number, number, number, number],
    tensors: Record<string, tf.Tensor> = {};
  const samples = Array.from({ length: count }, (_, i) => i);
  for (const [user, kinds] of Object.entries(AUGMENTED)) {
    for (const kind of kinds) {
      const key = { seed, purpose: `augmentation of ${kind} for the ${user}`, step };
      const drawn = augmentationTensors(drawAugmentation(key, samples, shape, settings));
      Object.assign(tensors, prefixed(`${user}.${kind}.`, drawn));
    }
  }
  return tensors;
}

export function prefixed<T>(prefix: string, record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, x]) => [prefix + name, x]));
}

/** A tensor of what a file holds. */
export function upload({ data, shape }: Pick<HostTensor, "data" | "shape">): tf.Tensor {
  return tf.tensor(data, [...shape], "float32");
}

/** Values and shapes of tensors, which are freed. */
export async function download(tensors: Record<string, tf.Tensor>): Promise<HostTensors> {
  const host: HostTensors = {};
  for (const [name, x] of Object.entries(tensors)) {
    host[name] = { shape: x.shape, data: new Float32Array(await x.data()) };
    x.dispose();
  }
  return host;
}
