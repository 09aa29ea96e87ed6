import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { upsample2x } from "../../src/tensor/upsample.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, take } from "./parity.ts";

await startTestEngine();

Deno.test("upsample2x() repeats each pixel in a 2×2 block", async () => {
  const y = tf.tidy(() => upsample2x(tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])));
  assert.deepEqual(y.shape, [1, 4, 6, 1]);
  const [values] = await take(y);
  const rows = [[1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6]];
  assertClose(values!, [...rows[0]!, ...rows[0]!, ...rows[1]!, ...rows[1]!], { absolute: 0 });
});

/** Enlargement by products with a matrix that repeats rows. */
function composed(x: tf.Tensor): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const repeat = (n: number) => tf.oneHot(tf.range(0, 2 * n).div(2).floor().toInt(), n).toFloat();
  const rows = tf.matMul(repeat(height), x.transpose([1, 0, 2, 3]).reshape([height, -1]))
    .reshape([2 * height, batch, width, channels]);
  const columns = tf.matMul(repeat(width), rows.transpose([2, 1, 0, 3]).reshape([width, -1]));
  return columns.reshape([2 * width, batch, 2 * height, channels]).transpose([1, 2, 0, 3]);
}

Deno.test("upsample2x() has the value and the gradient of its composition", () =>
  noLeak(() => assertSameFunction(upsample2x, composed, [random([2, 3, 4, 5])])));

Deno.test("upsample2x(): the gradient agrees with finite differences", () =>
  noLeak(() => assertGradients({ shapes: [[2, 3, 2, 2]], f: upsample2x })));

Deno.test("upsample2x(): the gradient of a pixel is the sum over its block", async () => {
  const cotangent = tf.range(0, 16).reshape([1, 4, 4, 1]);
  const [gradient] = await take(tf.tidy(() => tf.grad(upsample2x)(tf.zeros([1, 2, 2, 1]), cotangent)));
  assertClose(gradient!, [0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 12 + 13, 10 + 11 + 14 + 15], { absolute: 0 });
  cotangent.dispose();
});
