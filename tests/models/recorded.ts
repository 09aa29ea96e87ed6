import * as tf from "@tensorflow/tfjs";
import { readTensors } from "../../src/weights/safetensors.ts";
import { fixture } from "../support.ts";

/** Tensors of a fixture, as PyTorch has them: `recorded("vae_sd15", "inputs")`. The caller disposes them. */
export async function recorded(name: string, file: string): Promise<Record<string, tf.Tensor>> {
  const tensors = await readTensors(fixture(`${name}/${file}.safetensors`));
  return Object.fromEntries(
    Object.entries(tensors).map(([key, { data, shape }]) => [key, tf.tensor(data, [...shape], "float32")]),
  );
}

/** The cotangent of recorded gradients: cos(0), cos(1), … in the order of y's numbers. */
export function cosines({ size, shape }: tf.Tensor): tf.Tensor {
  return tf.tensor(Float32Array.from({ length: size }, (_, i) => Math.cos(i)), shape);
}
