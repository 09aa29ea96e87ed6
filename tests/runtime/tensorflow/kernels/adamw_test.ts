import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fusedOp } from "../../../../src/tensor/fused_op.ts";
import { adamw, type AdamWOptions, type Moments, stepScalars } from "../../../../src/training/adamw.ts";
import { random, take } from "../../../tensor/parity.ts";
import { FLOAT32, test } from "./accuracy.ts";

const OPTIONS: AdamWOptions = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, clipNorm: 1 };

/** A vector in the middle of a training: weights, moments, gradient. */
function middle(length: number, factor: number): [tf.Tensor1D, Moments, tf.Tensor1D] {
  const vector = (sample: number) => random([length], sample) as tf.Tensor1D;
  return tf.tidy(() => {
    const first = vector(1).mul<tf.Tensor1D>(0.01), second = vector(2).square().mul<tf.Tensor1D>(1e-4);
    return [vector(0), { first, second }, vector(3).mul(factor)];
  });
}

/** The same update by JavaScript's float64. */
function expected(
  [weights, first, second, grad]: Float32Array[],
  scalars: Float32Array,
  { betas: [beta1, beta2], eps, weightDecay, clipNorm }: AdamWOptions,
) {
  const norm = Math.sqrt(grad!.reduce((sum, g) => sum + g * g, 0)), [lr, c1, c2] = scalars;
  const clipped = Float64Array.from(grad!, (g) => g * Math.min(1, clipNorm / (norm + 1e-12)));
  const m = clipped.map((g, i) => first![i]! * beta1 + g * (1 - beta1));
  const v = clipped.map((g, i) => second![i]! * beta2 + g * g * (1 - beta2));
  const w = m.map((m, i) =>
    weights![i]! - lr! * (m * c1! / (Math.sqrt(v[i]! * c2!) + eps) + weightDecay * weights![i]!)
  );
  return [w, m, v, [norm]];
}

for (const length of [1, 15, 16, 17, 1000, 65536, 200_001]) {
  test(`the AdamW kernel on ${length} weights, with and without clipping`, async () => {
    for (
      const [factor, options] of [[1e-3, OPTIONS], [1e3, OPTIONS], [1, {
        ...OPTIONS,
        clipNorm: 1e9,
      }]] as const
    ) {
      const [weights, moments, grad] = middle(length, factor), scalars = stepScalars(7, 1e-3, options.betas);
      const next = adamw(weights, moments, grad, scalars, options);
      const [given, before] = [
        await take(weights, moments.first, moments.second, grad),
        await take(scalars),
      ];
      const results = await take(next.weights, next.moments.first, next.moments.second, next.gradNorm);
      expected(given, before[0]!, options).forEach((exact, i) =>
        exact.forEach((x, at) => {
          const allowed = 16 * FLOAT32 * (Math.abs(x) + (i < 2 ? Math.abs(given[i]![at]!) : 0));
          if (Math.abs(results[i]![at]! - x) <= allowed) return;
          assert.fail(`${i}, ${at}: ${results[i]![at]}, not ${x}`);
        })
      );
    }
  });
}

test("the AdamW kernel: a gradient that is not finite anywhere changes no number", async () => {
  for (const broken of [NaN, Infinity, -Infinity, 3e19]) {
    for (const at of [0, 16, 65535, 70000]) {
      const [weights, moments, grad] = middle(70001, 1), scalars = stepScalars(7, 1e-3, OPTIONS.betas);
      const values = (await take(grad))[0]!;
      values[at] = broken;
      const bad = tf.tensor1d(values), next = adamw(weights, moments, bad, scalars, OPTIONS);
      const before = await take(weights, moments.first, moments.second);
      const [norm, ...after] = await take(
        next.gradNorm,
        next.weights,
        next.moments.first,
        next.moments.second,
      );
      assert.deepEqual(after, before);
      assert.ok(!Number.isFinite(norm![0]));
      tf.dispose([bad, scalars]);
    }
  }
});

test("the AdamW kernel refuses vectors of several lengths", () => {
  tf.tidy(() => {
    const [weights, { first, second }] = middle(5, 1), scalars = stepScalars(1, 1e-3, OPTIONS.betas);
    const attributes = { rest1: 0.1, rest2: 0.001, eps: 1e-8, weight_decay: 0, clip_norm: 1 };
    for (
      const inputs of [[weights, first, second, tf.ones([4]), scalars], [
        weights,
        first,
        second,
        second,
        tf.ones([2]),
      ]]
    ) {
      assert.throws(() => fusedOp("AdamW", attributes, inputs, [[5], [5], [5], []]), /AdamW takes/);
    }
  });
});
