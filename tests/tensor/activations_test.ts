import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { gelu, silu, siluDerivative } from "../../src/tensor/activations.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

const COMPOSED = {
  silu: { f: silu, composed: (x: tf.Tensor) => x.mul(x.sigmoid()) },
  gelu: { f: gelu, composed: (x: tf.Tensor) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5)) },
};

for (const [name, { f, composed }] of Object.entries(COMPOSED)) {
  Deno.test(`${name}() has the value and the gradient of its composition`, () =>
    noLeak(() => assertSameFunction(f, composed, [tf.tidy(() => random([3, 5, 7]).mul(2))])));

  Deno.test(`${name}(): the gradient agrees with finite differences`, () =>
    noLeak(() => assertGradients({ shapes: [[30]], f })));

  Deno.test(`${name}() saves its input only`, () => {
    assert.equal(savedBytes(f, [random([4, 6])]), 4 * 4 * 6);
  });

  Deno.test(`${name}() is 0 far below 0, the identity far above, and finite with its gradient`, async () => {
    const x = tf.tensor1d([-80, -30, 0, 30, 80]);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => f(x).sum() as tf.Scalar)(x);
    const [y, total, slope] = await take(f(x), value, grad);
    assertClose(y!, [0, 0, 0, 30, 80], { absolute: 1e-5 });
    assertClose(total!, [110], { absolute: 1e-4 });
    assertClose(slope!, [0, 0, 0.5, 1, 1], { absolute: 1e-5 });
    x.dispose();
  });
}

Deno.test("gelu() is the exact one, not the tanh approximation", async () => {
  // torch.nn.functional.gelu in float64
  const [y] = await take(tf.tidy(() => gelu(tf.tensor1d([-2, -0.5, 1, 2.5]))));
  assertClose(y!, [-0.0455002638963584, -0.1542687694, 0.8413447460685429, 2.4844758366855], {
    absolute: 2e-6,
  });
});

Deno.test("siluDerivative() is the derivative of silu()", async () => {
  const [actual, expected] = await take(...tf.tidy(() => {
    const x = random([20]).mul(3);
    return [siluDerivative(x), tf.grad(COMPOSED.silu.composed)(x)];
  }));
  assertClose(actual!, expected!, { absolute: 1e-6 });
});
