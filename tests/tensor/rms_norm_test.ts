import type * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { rmsNorm } from "../../src/tensor/rms_norm.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes } from "./parity.ts";

await startTestEngine();

const eps = 1e-6, shape = [2, 5, 8];
const f = (x: tf.Tensor, scale: tf.Tensor) => rmsNorm(x, scale, eps);
const composed = (x: tf.Tensor, scale: tf.Tensor) =>
  x.div(x.square().mean(-1, true).add(eps).sqrt()).mul(scale);

Deno.test("rmsNorm() has the value and the gradients of its composition", () =>
  noLeak(async () => {
    for (const s of [shape, [6, 8], [1, 2, 3, 8]]) {
      await assertSameFunction(f, composed, [random(s, 0), random([8], 1)]);
    }
  }));

Deno.test("rmsNorm(): gradients agree with finite differences", () =>
  noLeak(() => assertGradients({ shapes: [shape, [8]], f })));

Deno.test("rmsNorm() saves its input, its scale and one number a row", () => {
  assert.equal(savedBytes(f, [random(shape, 0), random([8], 1)]), 4 * (2 * 5 * 8 + 8 + 2 * 5));
});
