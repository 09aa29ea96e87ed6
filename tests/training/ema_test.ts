import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { emaDecay, emaUpdate } from "../../src/training/ema.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { take } from "../tensor/parity.ts";

await startTestEngine();

Deno.test("emaDecay() rises from 2/11 to its limit and stays there", () => {
  assert.equal(emaDecay(1, 0.99), 2 / 11);
  assert.equal(emaDecay(90, 0.99), 0.91);
  assert.equal(emaDecay(10_000, 0.99), 0.99);
  assert.equal(emaDecay(1, 0.1), 0.1);
  const decays = Array.from({ length: 2000 }, (_, i) => emaDecay(i + 1, 0.999));
  assert.ok(decays.every((decay, i) => i === 0 || decay >= decays[i - 1]!));
});

Deno.test("emaUpdate() is decay·average + (1−decay)·weights", () =>
  noLeak(async () => {
    const average = tf.tensor1d([1, 2, -4]), weights = tf.tensor1d([3, 2, 4]), decay = tf.scalar(0.75);
    const [next] = await take(emaUpdate(average, weights, decay));
    assertClose(next!, [1.5, 2, -2], { absolute: 1e-6 });
    tf.dispose([average, weights, decay]);
  }));

Deno.test("emaUpdate(): equal weights stay exactly as they are, and decay 0 takes the new ones", () =>
  noLeak(async () => {
    const values = Float32Array.of(0.1, -1e-7, 12345.678);
    const average = tf.tensor1d(values), zeros = tf.zeros([3]) as tf.Tensor1D;
    const decay = tf.scalar(0.9973), none = tf.scalar(0);
    const [same, taken] = await take(emaUpdate(average, average, decay), emaUpdate(zeros, average, none));
    assert.deepEqual(same, values);
    assert.deepEqual(taken, values);
    tf.dispose([average, zeros, decay, none]);
  }));
