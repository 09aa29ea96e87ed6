import * as tf from "@tensorflow/tfjs";
import { normal } from "../../src/runtime/random.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, type Tolerance } from "../support.ts";

/** Standard normal numbers, the same on every engine. */
export function random(shape: number[], sample = 0): tf.Tensor {
  const key = { seed: 5, purpose: "parity", step: 0, sample };
  return tf.tensor(normal(key, tf.util.sizeFromShape(shape)), shape);
}

/** Reads tensors as WebGPU needs it, asynchronously, and disposes them. */
export async function take(...tensors: tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map((x) => x.data() as Promise<Float32Array>));
  tf.dispose(tensors);
  return values;
}

/**
 * Fails unless two functions of tensors have the same value and, with a random cotangent, the same gradient of every
 * argument. `composed` is made of tfjs's own operations, so its gradients are tfjs's.
 */
export async function assertSameFunction(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  composed: (...xs: tf.Tensor[]) => tf.Tensor,
  xs: tf.Tensor[],
  tolerance: Tolerance = { relative: 1e-5, absolute: 1e-6 },
): Promise<void> {
  const run = async (f: (...xs: tf.Tensor[]) => tf.Tensor) => {
    const { value, grads } = vjp(f, xs, (y) => random(y.shape, 999));
    return { shapes: [value, ...grads].map((x) => x.shape), values: await take(value, ...grads) };
  };
  const actual = await run(f), expected = await run(composed);
  tf.dispose(xs);
  for (const [i, values] of expected.values.entries()) {
    tf.util.assertShapesMatch(actual.shapes[i]!, expected.shapes[i]!, i ? `gradient ${i - 1}: ` : "value: ");
    assertClose(actual.values[i]!, values, tolerance);
  }
}

/** Bytes that f keeps for its backward pass besides its value; arguments that it keeps count too. */
export function savedBytes(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]): number {
  const before = tf.memory().numBytes;
  let saved = NaN;
  const { value, grads } = vjp(f, xs, (y) => {
    saved = tf.memory().numBytes - before - 4 * y.size;
    return tf.onesLike(y);
  });
  tf.dispose([value, grads, xs]);
  return saved;
}
