import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { geluTanh } from "../../src/tensor/gelu_tanh.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

function composed(x: tf.Tensor): tf.Tensor {
  const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  return x.mul(inner.tanh().add(1)).mul(0.5);
}

Deno.test("geluTanh() has the value and the gradient of its composition", () =>
  noLeak(() => assertSameFunction(geluTanh, composed, [tf.tidy(() => random([3, 5, 7]).mul(2))])));

Deno.test("geluTanh(): the gradient agrees with finite differences", () =>
  noLeak(() => assertGradients({ shapes: [[30]], f: geluTanh })));

Deno.test("geluTanh() saves its input only", () => {
  assert.equal(savedBytes(geluTanh, [random([4, 6])]), 4 * 4 * 6);
});

Deno.test("geluTanh() is 0 far below 0, the identity far above, and finite with its gradient", async () => {
  const x = tf.tensor1d([-80, -30, 0, 30, 80]);
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => geluTanh(x).sum() as tf.Scalar)(x);
  const [y, total, slope] = await take(geluTanh(x), value, grad);
  assertClose(y!, [0, 0, 0, 30, 80], { absolute: 1e-5 });
  assertClose(total!, [110], { absolute: 1e-4 });
  assertClose(slope!, [0, 0, 0.5, 1, 1], { absolute: 1e-5 });
  x.dispose();
});
