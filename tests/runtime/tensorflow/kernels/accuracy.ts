import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { onTensorflow } from "../../../../src/runtime/tensorflow/backend.ts";
import { kernelsLoaded } from "../../../../src/runtime/tensorflow/kernels.ts";
import { storedAs } from "../../../../src/runtime/tensorflow/stored.ts";
import { compile } from "../../../../src/tensor/compile.ts";
import { vjp } from "../../../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../../../support.ts";
import { random, take } from "../../../tensor/parity.ts";
import type { Reference } from "./float64.ts";

await startTestEngine();

/** A test of the kernels; passed over where there are none. */
export function test(name: string, fn: () => void | Promise<void>): void {
  const ignore = !onTensorflow() || !kernelsLoaded();
  Deno.test({ name, ignore, fn: () => noLeak(fn), sanitizeOps: false, sanitizeResources: false });
}

/** The largest rounding error of a float32, and of a bfloat16, as a share of the number. */
export const FLOAT32 = 2 ** -24, BFLOAT16 = 2 ** -9;

type Function = (...xs: tf.Tensor[]) => tf.Tensor;
type Definition = (xs: Float32Array[], dy: Float32Array) => Reference;

/**
 * Fails unless a function's value and gradients, with a random cotangent, are those of its definition in float64, up to
 * so many of float32's roundings of the largest number in each tensor. Disposes the inputs.
 */
export async function assertAccurate(
  f: Function,
  xs: tf.Tensor[],
  definition: Definition,
  roundings: number,
): Promise<void> {
  const { value, grads } = vjp(f, xs, (y) => random(y.shape, 999));
  await assertDefined(xs, random(value.shape, 999), [value, ...grads], definition, roundings * FLOAT32);
}

/** The same where all inputs and the cotangent are bfloat16, and so are products; up to bfloat16's roundings. */
export async function assertAccurateInBfloat16(
  f: Function,
  xs: tf.Tensor[],
  definition: Definition,
  roundings: number,
): Promise<void> {
  const shape = tf.tidy(() => f(...xs).shape);
  const [dy, ...stored] = tf.tidy(() => [random(shape, 999), ...xs].map((x) => storedAs(x, "bfloat16")));
  const compiled = compile((xs: tf.Tensor[], dy: tf.Tensor) => vjp(f, xs, dy), { precision: "bfloat16" });
  const { value, grads } = compiled(stored, dy!);
  compiled.dispose();
  tf.dispose(xs);
  await assertDefined(stored, dy!, [value, ...grads], definition, roundings * BFLOAT16);
}

async function assertDefined(
  xs: tf.Tensor[],
  dy: tf.Tensor,
  results: tf.Tensor[],
  definition: Definition,
  relative: number,
): Promise<void> {
  const names = ["value", ...xs.map((_, i) => `gradient ${i}`)];
  xs.forEach((x, i) => assert.deepEqual(results[i + 1]!.shape, x.shape, names[i + 1]!));
  const [cotangent, ...inputs] = await take(dy, ...xs), actual = await take(...results);
  const { value, grads, terms = [] } = definition(inputs, cotangent!);
  [value, ...grads].forEach((expected, i) => {
    try {
      assertClose(actual[i]!, expected, { relative, absolute: relative * (terms[i - 1] ?? 0) });
    } catch (error) {
      throw new Error(`${names[i]} ${(error as Error).message}`);
    }
  });
}
