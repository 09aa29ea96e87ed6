import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { peakTensors } from "../../src/runtime/engine/memory.ts";
import { attention } from "../../src/tensor/attention.ts";
import { scoresAtATime } from "../../src/tensor/attention_parts.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
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

  Deno.test(`attention() saves its inputs and its value, no scores: ${name}`, () => {
    const numbers = [...shapes, shapes[0]!].reduce((sum, shape) => sum + tf.util.sizeFromShape(shape), 0);
    assert.equal(savedBytes(f, inputs()), 4 * numbers);
  });
}

/** Sizes of which the scores do not fit at once: of all heads, and of one head. */
const LARGE: Record<string, { shapes: number[][]; heads: number }> = {
  "several heads at a time": { shapes: [[1, 1500, 10], [1, 1400, 10], [1, 1400, 10]], heads: 5 },
  "some queries of a head at a time": { shapes: [[1, 2100, 8], [1, 2300, 8], [1, 2300, 8]], heads: 2 },
};

for (const [name, { shapes, heads }] of Object.entries(LARGE)) {
  const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, heads);
  Deno.test({
    name: `attention() in parts, ${name}, has the value and the gradients of its composition`,
    ignore: scoresAtATime() >= 2 * 2100 * 2300, // on a graphics card
    fn: () => noLeak(() => assertSameFunction(f, composed(heads), shapes.map(random))),
  });
}

Deno.test({
  name: "attention() of 4096 tokens takes a fraction of its scores' memory, forward and backward",
  ignore: scoresAtATime() > 2 ** 22,
  async fn() {
    const heads = 4, scoreBytes = 4 * heads * 4096 ** 2; // 268 MB
    const [q, k, v, dy] = [0, 1, 2, 3].map((i) => random([1, 4096, 16], i)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const before = tf.memory().numBytes;
    const { result, peak } = await peakTensors(() =>
      vjp((q, k, v) => attention(q, k, v, heads), [q, k, v], dy)
    );
    const peakBytes = peak.tensorBytes - before; // three parts of the scores and some tensors of q's size
    assert.ok(peakBytes < scoreBytes / 6, `${peakBytes} bytes at the peak`);
    tf.dispose([q, k, v, dy, result.value, result.grads]);
  },
});

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
