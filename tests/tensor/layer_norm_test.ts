import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { layerNorm } from "../../src/tensor/layer_norm.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

const eps = 1e-6, shape = [2, 5, 8];
const inputs = () => [random(shape, 0), random([8], 1), random([8], 2)];
const f = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => layerNorm(x, scale, shift, eps);

function composed(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  const centred = x.sub(x.mean(-1, true));
  return centred.mul(centred.square().mean(-1, true).add(eps).rsqrt()).mul(scale).add(shift);
}

Deno.test("layerNorm() has the value and the gradients of its composition", () =>
  noLeak(() => assertSameFunction(f, composed, inputs())));

Deno.test("layerNorm(): gradients agree with finite differences", () =>
  noLeak(() => assertGradients({ shapes: [shape, [8], [8]], f })));

Deno.test("layerNorm() works on rank 2 and rank 4", async () => {
  for (const shape of [[6, 8], [1, 2, 3, 8]]) {
    await assertSameFunction(f, composed, [random(shape, 0), random([8], 1), random([8], 2)]);
  }
});

Deno.test("layerNorm() saves its input, its scale and two numbers a row", () => {
  assert.equal(savedBytes(f, inputs()), 4 * (2 * 5 * 8 + 8 + 2 * (2 * 5)));
});

Deno.test("layerNorm() keeps its accuracy where the mean is a thousand times the spread", async () => {
  const x = tf.tidy(() => random([4, 64]).add(1000));
  const y = tf.tidy(() => layerNorm(x, tf.ones([64]), tf.zeros([64]), eps));
  const [given, actual] = await take(x, y);
  const expected = [0, 1, 2, 3].flatMap((row) => {
    const values = [...given!.subarray(64 * row, 64 * row + 64)];
    const mean = values.reduce((a, b) => a + b) / 64;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 64;
    return values.map((v) => (v - mean) / Math.sqrt(variance + eps));
  });
  assertClose(actual!, expected, { absolute: 1e-3 });
});
