import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { attention } from "../../src/tensor/attention.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertGradients } from "../runtime/finite_differences.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

/** softmax(Q·Kᵀ/√d)·V, one head after the other. */
function composed(heads: number) {
  return (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => {
    const width = q.shape[2]! / heads;
    const outputs = Array.from({ length: heads }, (_, h) => {
      const [qh, kh, vh] = [q, k, v].map((x) =>
        x.slice([0, 0, h * width], [x.shape[0]!, x.shape[1]!, width])
      );
      const scores = tf.matMul(qh!, kh!, false, true).div(Math.sqrt(width));
      return tf.matMul(tf.softmax(scores), vh!);
    });
    return tf.concat(outputs, 2);
  };
}

const CASES: Record<string, { shapes: number[][]; heads: number }> = {
  "self-attention": { shapes: [[2, 5, 8], [2, 5, 8], [2, 5, 8]], heads: 2 },
  "cross-attention": { shapes: [[2, 5, 8], [2, 3, 8], [2, 3, 8]], heads: 4 },
  "cross-attention to one token": { shapes: [[2, 5, 8], [2, 1, 8], [2, 1, 8]], heads: 1 },
};

for (const [name, { shapes, heads }] of Object.entries(CASES)) {
  const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, heads);
  const inputs = () => shapes.map(random);

  Deno.test(`attention() has the value and the gradients of its composition: ${name}`, () =>
    noLeak(() => assertSameFunction(f, composed(heads), inputs())));

  Deno.test(`attention(): gradients agree with finite differences: ${name}`, () =>
    noLeak(() => assertGradients({ shapes, f })));

  Deno.test(`attention() saves its inputs only: ${name}`, () => {
    const numbers = shapes.reduce((sum, shape) => sum + tf.util.sizeFromShape(shape), 0);
    assert.equal(savedBytes(f, inputs()), 4 * numbers);
  });
}

Deno.test("attention(): one tensor as query, key and value gets the sum of the three gradients", () =>
  assertSameFunction((x) => attention(x, x, x, 2), (x) => composed(2)(x, x, x), [random([2, 4, 6])]));

Deno.test("attention() stays finite where the scores are large", async () => {
  const [y] = await take(tf.tidy(() => {
    const q = tf.tensor3d([100, 100], [1, 1, 2]), k = tf.tensor3d([100, 100, -100, -100], [1, 2, 2]);
    return attention(q, k, tf.tensor3d([1, 2, 3, 4], [1, 2, 2]), 1);
  }));
  assertClose(y!, [1, 2], { absolute: 1e-6 });
});

Deno.test("attention() refuses a width that does not divide into the heads", () => {
  tf.tidy(() => {
    const x = random([1, 2, 6]);
    assert.throws(() => attention(x, x, x, 4), /6 channels do not divide into 4 heads/);
  });
});
