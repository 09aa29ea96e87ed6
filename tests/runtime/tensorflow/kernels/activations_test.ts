import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { gelu, silu } from "../../../../src/tensor/activations.ts";
import { attention } from "../../../../src/tensor/attention.ts";
import { geglu } from "../../../../src/tensor/geglu.ts";
import { vjp } from "../../../../src/tensor/vjp.ts";
import { random, take } from "../../../tensor/parity.ts";
import { assertAccurate, assertAccurateInBfloat16, FLOAT32, test } from "./accuracy.ts";
import { gegluOf, geluOf, siluOf } from "./float64.ts";

const SHAPES = [[0], [1], [7], [16], [17], [3, 5, 11], [2, 16384], [16387]];
const GEGLU_SHAPES = [[2], [0, 10], [3, 2], [1, 1, 10], [3, 7, 32], [2, 5, 640], [9, 4098], [3, 40000]];

const CASES = [
  ["silu", silu, SHAPES, () => ([x], dy) => siluOf(x!, dy)],
  ["gelu", gelu, SHAPES, () => ([x], dy) => geluOf(x!, dy)],
  ["geglu", geglu, GEGLU_SHAPES, (shape) => ([x], dy) => gegluOf(x!, dy, shape.at(-1)! / 2)],
] as [string, typeof silu, number[][], (shape: number[]) => Parameters<typeof assertAccurate>[2]][];

for (const [name, f, shapes, definition] of CASES) {
  test(`${name}: value and gradient to 4 roundings of float32`, async () => {
    for (const shape of shapes) await assertAccurate(f, [random(shape)], definition(shape), 4);
  });

  test(`${name} in bfloat16: value and gradient to 2 of its roundings`, async () => {
    for (const shape of shapes) await assertAccurateInBfloat16(f, [random(shape)], definition(shape), 2);
  });
}

/** Numbers of both signs and all magnitudes of float32 but the subnormal ones, 16 for each power of two. */
function everyMagnitude(): Float32Array {
  const one = Array.from({ length: 254 * 16 }, (_, i) => (1 + i % 16 / 16) * 2 ** (Math.floor(i / 16) - 126));
  return Float32Array.from([...one, ...one.map((x) => -x), 0, -0]);
}

/** Numbers from −limit to limit, close together. */
const close = (limit: number) => Float32Array.from({ length: 40001 }, (_, i) => limit * (i / 20000 - 1));

for (
  const [name, f, definition, relative] of [
    ["silu", silu, siluOf, false],
    ["gelu", gelu, geluOf, true],
  ] as const
) {
  for (
    const [range, xs] of [["all numbers", everyMagnitude()], ["±6", close(6)], ["±90", close(90)]] as const
  ) {
    test(`${name} of ${range}: value to 6 roundings of ${relative ? "x" : "it"}, slope to 20 of 1`, async () => {
      const x = tf.tensor1d(xs), ones = tf.ones([xs.length]), expected = definition(xs, ones.dataSync());
      const { value, grads } = vjp(f, [x], ones);
      tf.dispose([x, ones]);
      const [y, slope] = await take(value, grads[0]!);
      xs.forEach((x, i) => {
        const exact = expected.value[i]!, allowed = 6 * FLOAT32 * Math.abs(relative ? x : exact) + 1e-35;
        assert.ok(Math.abs(y![i]! - exact) <= allowed, `${name}(${x}) is ${exact}, not ${y![i]}`);
        const exactSlope = expected.grads[0]![i]!;
        assert.ok(Math.abs(slope![i]! - exactSlope) <= 20 * FLOAT32, `${x}: ${slope![i]}, not ${exactSlope}`);
      });
    });
  }

  test(`${name}: NaN and −Infinity give NaN, Infinity itself`, async () => {
    for (const length of [3, 16, 40]) {
      const values = Array.from({ length }, (_, i) => [NaN, -Infinity, Infinity][i % 3]!);
      const x = tf.tensor1d(values), [y] = await take(f(x));
      assert.deepEqual(Array.from(y!), values.map((x) => x > 0 ? x : NaN));
      x.dispose();
    }
  });
}

test("the exponential is wrong by 3e-7 of itself at most, from e⁻⁸⁷ on", async () => {
  const scores = Float32Array.from({ length: 20000 }, (_, i) => -87 * i / 20000);
  const q = tf.tensor3d(scores, [1, scores.length, 1]), k = tf.tensor3d([0, 1], [1, 2, 1]);
  const [second] = await take(attention(q, k, k, 1, { scale: 1 })); // e^score/(1 + e^score)
  scores.forEach((score, i) => {
    const exact = Math.exp(score) / (1 + Math.exp(score));
    assert.ok(Math.abs(second![i]! / exact - 1) < 3e-7, `${score}: ${second![i]}, not ${exact}`);
  });
  tf.dispose([q, k]);
});

test("numbers too small for float32's full precision count as 0 on every thread", async () => {
  for (const value of [1e-40, -88]) {
    const x = tf.fill([2 ** 20], value), [y] = await take(silu(x));
    assert.ok(y!.every((y) => y === 0));
    x.dispose();
  }
});
