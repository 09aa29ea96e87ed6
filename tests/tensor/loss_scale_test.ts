import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type ComputePrecision, currentPrecision, setCurrentPrecision } from "../../src/runtime/precision.ts";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { onCompile } from "../../src/tensor/compile_events.ts";
import {
  adaptLossScale,
  beginLossScaling,
  endLossScaling,
  lossScale,
  lossScaleValue,
} from "../../src/tensor/loss_scale.ts";
import { valueAndGrad, vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "./parity.ts";

await startTestEngine();

/** A test in a precision, which ends the scaling that it began and leaves no tensors. */
function test(name: string, precision: ComputePrecision, fn: () => void | Promise<void>): void {
  const guarded = async () => {
    const before = currentPrecision();
    setCurrentPrecision(precision);
    try {
      await fn();
    } finally {
      endLossScaling();
      setCurrentPrecision(before);
    }
  };
  const ignore = precision !== "float32" && !onTensorflow();
  Deno.test({ name, ignore, fn: () => noLeak(guarded), sanitizeOps: false, sanitizeResources: false });
}

for (const precision of ["float32", "bfloat16"] as const) {
  test(`in ${precision} nothing is scaled`, precision, () => {
    beginLossScaling();
    assert.equal(lossScaleValue(), undefined);
    assert.equal(adaptLossScale(false), false);
    assert.equal(lossScale(), undefined);
  });
}

test(
  "an overflow halves the scale, which explains it, until there is nothing left to halve",
  "float16",
  () => {
    beginLossScaling();
    assert.equal(lossScaleValue(), 65536);
    for (let value = 32768; value >= 1; value /= 2) {
      assert.equal(adaptLossScale(false), true);
      assert.equal(lossScaleValue(), value);
    }
    assert.equal(adaptLossScale(false), false);
    assert.equal(lossScaleValue(), 1);
  },
);

test("2,000 good updates in a row double it, and an overflow between them counts anew", "float16", () => {
  beginLossScaling(8);
  const good = (updates: number) => {
    for (let i = 0; i < updates; i++) assert.equal(adaptLossScale(true), false);
  };
  good(1999);
  assert.equal(lossScaleValue(), 8);
  good(1);
  assert.equal(lossScaleValue(), 16);
  good(1999);
  adaptLossScale(false);
  assert.equal(lossScaleValue(), 8);
  good(1999);
  assert.equal(lossScaleValue(), 8);
  good(1);
  assert.equal(lossScaleValue(), 16);
});

test("a training goes on with its scale, and the next one begins anew", "float16", () => {
  beginLossScaling(512);
  assert.equal(lossScaleValue(), 512);
  beginLossScaling();
  assert.equal(lossScaleValue(), 65536);
  endLossScaling();
  assert.equal(lossScaleValue(), undefined);
});

/** The gradient of a small network's loss, made so many times smaller. */
function gradientOf(factor: number) {
  return (x: tf.Tensor, w: tf.Tensor) => {
    const { value, grads } = valueAndGrad((w) => tf.matMul(tf.matMul(x, w), w).tanh().mean().mul(factor), [
      w,
    ]);
    return [value, ...grads];
  };
}

/** What gradientOf gives, compiled anew, and without the factor. */
async function gradients(factor: number): Promise<Float32Array[]> {
  const f = compile(gradientOf(factor)),
    [x, w] = [random([5, 4]), random([4, 4], 1)] as [tf.Tensor, tf.Tensor];
  const results = await take(...f(x, w));
  f.dispose();
  tf.dispose([x, w]);
  return results.map((values) => values.map((v) => v / factor));
}

test("gradients under it are those without it, up to rounding, and so is the value", "float16", async () => {
  const plain = await gradients(1);
  for (const scale of [1, 64, 1024]) {
    beginLossScaling(scale);
    const scaled = await gradients(1);
    assert.deepEqual(scaled[0], plain[0]);
    assertClose(scaled[1]!, plain[1]!, { relative: 2e-3 });
  }
});

test("gradients that float16 would lose are kept", "float16", async () => {
  const [, exact] = await gradients(1), [, lost] = await gradients(1e-7);
  beginLossScaling();
  const [, kept] = await gradients(1e-7);
  assert.ok(lost!.some((g, i) => g === 0 && Math.abs(exact![i]!) > 0.01), "some are 0 without a scale");
  assertClose(kept!, exact!, { relative: 0.01 });
});

test("gradients that are too large under the scale are not finite", "float16", async () => {
  beginLossScaling(2 ** 24);
  const [, gradient] = await gradients(100);
  assert.ok(gradient!.some((g) => !Number.isFinite(g)));
});

test("another scale needs no other recording", "float16", async () => {
  let recorded = 0;
  const stop = onCompile(({ done }) => void (recorded += Number(!done)));
  const f = compile(gradientOf(1)), [x, w] = [random([5, 4]), random([4, 4], 1)] as [tf.Tensor, tf.Tensor];
  beginLossScaling(1024);
  const before = await take(...f(x, w));
  adaptLossScale(false);
  const after = await take(...f(x, w));
  assertClose(after[1]!, before[1]!, { relative: 2e-3 });
  assert.equal(recorded, 1);
  stop();
  f.dispose();
  tf.dispose([x, w]);
});

test("second derivatives are scaled once", "float16", async () => {
  beginLossScaling(1024);
  const x = tf.tensor1d([1, 2, 3]);
  const second = compile((x: tf.Tensor) => {
    const ones = tf.ones([3]), slope = (x: tf.Tensor) => vjp((x) => x.pow(3), [x], ones).grads[0]!;
    return vjp((x) => slope(x!), [x], ones).grads;
  });
  const [values] = await take(...second(x));
  assertClose(values!, [6, 12, 18], { relative: 1e-5 });
  second.dispose();
  x.dispose();
});

test("what runs at once, in float32, is not scaled", "float16", () => {
  beginLossScaling();
  tf.tidy(() => {
    const { grads } = valueAndGrad((x) => x.square().sum().mul(1e34), [tf.tensor1d([1])]);
    assertClose(grads[0]!, [2e34], { relative: 1e-6 });
  });
});
