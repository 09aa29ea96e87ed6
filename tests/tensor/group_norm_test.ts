import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { groupNorm } from "../../src/tensor/group_norm.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

const shape = [2, 4, 3, 8], groups = 4, eps = 1e-5;
const inputs = () => [random(shape, 0), random([8], 1), random([8], 2)];

/** Group normalisation of tfjs's own operations. */
function composed(silu: boolean) {
  return (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) => {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const grouped = x.reshape([batch, height * width, groups, channels / groups]);
    const centred = grouped.sub(grouped.mean([1, 3], true));
    const unit = centred.mul(centred.square().mean([1, 3], true).add(eps).rsqrt()).reshape(x.shape);
    const z = unit.mul(scale).add(shift);
    return silu ? z.mul(z.sigmoid()) : z;
  };
}

for (const silu of [false, true]) {
  const name = silu ? "groupNorm() with SiLU" : "groupNorm()";
  const f = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) =>
    groupNorm(x, scale, shift, { groups, eps, silu });

  Deno.test(`${name} has the value and the gradients of its composition`, () =>
    noLeak(() => assertSameFunction(f, composed(silu), inputs())));

  Deno.test(`${name}: gradients agree with finite differences`, () =>
    noLeak(() => assertGradients({ shapes: [shape, [8], [8]], f })));

  Deno.test(`${name} saves its arguments and two numbers a group`, () => {
    const [x, scale, shift] = [tf.util.sizeFromShape(shape), 8, 8];
    assert.equal(savedBytes(f, inputs()), 4 * (x + scale + shift + 2 * shape[0]! * groups));
  });
}

/** Group normalisation of one image in float64; scale 1, shift 0. */
function inFloat64(x: Float32Array, channels: number, groups: number): Float64Array {
  const out = new Float64Array(x.length), inGroup = channels / groups;
  for (let g = 0; g < groups; g++) {
    const places = [...x.keys()].filter((i) => Math.floor(i % channels / inGroup) === g);
    const mean = places.reduce((sum, i) => sum + x[i]!, 0) / places.length;
    const variance = places.reduce((sum, i) => sum + (x[i]! - mean) ** 2, 0) / places.length;
    for (const i of places) out[i] = (x[i]! - mean) / Math.sqrt(variance + eps);
  }
  return out;
}

Deno.test("groupNorm() keeps its accuracy where the mean is a thousand times the spread", async () => {
  const x = tf.tidy(() => random([1, 16, 16, 16]).add(1000));
  const y = tf.tidy(() => groupNorm(x, tf.ones([16]), tf.zeros([16]), { groups: 4, eps, silu: false }));
  const [given, actual] = await take(x, y);
  assertClose(actual!, inFloat64(given!, 16, 4), { absolute: 1e-3 });
});

Deno.test("groupNorm() refuses channels that do not divide into the groups", () => {
  tf.tidy(() =>
    assert.throws(
      () => groupNorm(random([1, 2, 2, 6]), tf.ones([6]), tf.zeros([6]), { groups: 4, eps, silu: false }),
      /6 channels do not divide into 4 groups/,
    )
  );
});
