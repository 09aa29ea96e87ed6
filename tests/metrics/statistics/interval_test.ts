import assert from "node:assert/strict";
import { classAccuracy } from "../../../src/metrics/scores/accuracy.ts";
import {
  bootstrapMean,
  bootstrapMedian,
  meanInterval,
  quantile,
  studentQuantile,
  wilsonInterval,
} from "../../../src/metrics/statistics/interval.ts";
import { normal } from "../../../src/runtime/random.ts";
import { assertClose } from "../../support.ts";

Deno.test("bootstrapMean() agrees with the normal interval of a mean, and is keyed", () => {
  const values = normal({ seed: 1, purpose: "test", step: 0, sample: 0 }, 400);
  const { mean, ci } = meanInterval(values), key = { seed: 3, purpose: "test" };
  const drawn = bootstrapMean(values, key);
  assertClose(drawn, ci, { absolute: 0.15 * (ci[1] - mean) });
  assert.deepEqual(bootstrapMean(values, key), drawn);
  assert.notDeepEqual(bootstrapMean(values, { ...key, seed: 4 }), drawn);
});

Deno.test("bootstrapMedian() agrees with the normal interval of a normal sample's median", () => {
  const n = 900, values = normal({ seed: 1, purpose: "median", step: 0, sample: 0 }, n);
  const [low, high] = bootstrapMedian(values, { seed: 3, purpose: "test" }), median = quantile(values, 0.5);
  const half = 1.96 * Math.sqrt(Math.PI / (2 * n)); // the asymptotic standard error √(π/2n)
  assert.ok(low < median && median < high);
  assertClose([high - low], [2 * half], { relative: 0.25 });
  assert.deepEqual(bootstrapMedian([4, 4, 4], { seed: 0, purpose: "test" }), [4, 4]);
});

Deno.test("wilsonInterval() agrees with the published example and keeps a width at 0 and 1", () => {
  // Newcombe 1998, table I, method 3: 81 of 263, 0 of 20.
  assertClose(wilsonInterval(81 / 263, 263), [0.2553, 0.3662], { absolute: 5e-5 });
  assertClose(wilsonInterval(0, 20), [0, 0.1611], { absolute: 5e-5 });
  assertClose(wilsonInterval(1, 20), [1 - 0.1611, 1], { absolute: 5e-5 });
});

Deno.test("meanInterval() of three seeds uses Student's quantile, of one seed is unbounded", () => {
  const { mean, ci } = meanInterval([1, 2, 3]), half = 4.302653 / Math.sqrt(3);
  assertClose([mean, ...ci], [2, 2 - half, 2 + half], { relative: 1e-6 });
  assert.deepEqual(meanInterval([7]), { mean: 7, ci: [-Infinity, Infinity] });
});

Deno.test("studentQuantile() agrees with scipy", () => {
  const expected = {
    1: 12.70620474,
    5: 2.57058184,
    10: 2.22813885,
    11: 2.20098516,
    19: 2.09302405,
    40: 2.02107539,
    500: 1.96471984,
  };
  for (const [df, value] of Object.entries(expected)) {
    assertClose([studentQuantile(+df)], [value], { absolute: 1.2e-4 });
  }
});

Deno.test("quantile() interpolates as numpy does", () => {
  assertClose([quantile([3, 1, 2, 10], 0.9), quantile([5], 0.3)], [7.9, 5], { relative: 1e-12 });
});

Deno.test("classAccuracy() counts images whose largest logit is their label", () => {
  const logits = { n: 4, d: 3, data: Float32Array.of(1, 2, 3, -5, -6, -7, 0, 9, 0, 4, 0, 0) };
  assert.equal(classAccuracy(logits, [2, 0, 1, 1]).value, 0.75);
  assert.throws(() => classAccuracy(logits, [2, 0, 1]), /3 labels for 4 images/);
  assert.throws(
    () => classAccuracy(logits, [2, 0, 1, 3]),
    /label 3 of image 3: expected a class from 0 to 2/,
  );
});
