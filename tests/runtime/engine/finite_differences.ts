import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { normal } from "../../../src/runtime/random.ts";

/** A function of tensors whose gradient is to be checked, and the shapes of its arguments. */
export interface Differentiable {
  shapes: number[][];
  f: (...xs: tf.Tensor[]) => tf.Tensor;
  /** Makes an argument's values, from standard normal ones; for functions with kinks or poles. */
  domain?: (x: number) => number;
}

const STEP = 0.02, RELATIVE = 2e-3;

/**
 * Fails unless, for every argument x, the derivative of L = Σ r·f(…) along a random direction v agrees with
 * ⟨∂L/∂x, v⟩. The difference quotient is of fourth order; values come back asynchronously, as WebGPU needs.
 */
export async function assertGradients({ shapes, f, domain = (x) => x }: Differentiable): Promise<void> {
  const xs = shapes.map((shape, i) => draw("argument", i, shape).map(domain));
  const tensors = (values: Float32Array[]) => values.map((v, i) => tf.tensor(v, shapes[i]));
  const y = await values(() => f(...tensors(xs)));
  const r = draw("cotangent", 0, [y.length]);
  const gradients = tf.tidy(() => {
    const loss = (...args: tf.Tensor[]) => f(...args).flatten().mul(tf.tensor1d(r)).sum();
    return tf.grads(loss)(tensors(xs));
  });
  for (const [i, shape] of shapes.entries()) {
    assert.deepEqual(gradients[i]!.shape, shape, `shape of the gradient of argument ${i}`);
    const gradient = await gradients[i]!.data(), v = draw("direction", i, shape);
    const along = async (step: number) => {
      const moved = xs.map((x, j) => j === i ? x.map((value, k) => value + step * v[k]!) : x);
      return dot(await values(() => f(...tensors(moved))), r);
    };
    const [p1, m1, p2, m2] = [
      await along(STEP),
      await along(-STEP),
      await along(2 * STEP),
      await along(-2 * STEP),
    ];
    const expected = (8 * (p1 - m1) - (p2 - m2)) / (12 * STEP), actual = dot(gradient, v);
    const allowed = RELATIVE * Math.hypot(...gradient.map((g, k) => g * v[k]!)) + 1e-4;
    assert.ok(
      Math.abs(actual - expected) <= allowed,
      `argument ${i}: the gradient gives ${actual}, finite differences ${expected}; allowed ±${allowed}`,
    );
  }
  tf.dispose(gradients);
}

function draw(purpose: string, sample: number, shape: readonly number[]): Float32Array {
  return normal({ seed: 7, purpose, step: 0, sample }, shape.reduce((a, b) => a * b, 1));
}

async function values(f: () => tf.Tensor): Promise<Float32Array> {
  const y = tf.tidy(f);
  const data = await y.data();
  y.dispose();
  return data as Float32Array;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
