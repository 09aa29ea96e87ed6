import assert from "node:assert/strict";
import { kid, polynomialMmd } from "../../../src/metrics/distances/kid.ts";
import { assertClose } from "../../support.ts";
import { assertHonestIntervals } from "../statistics/intervals.ts";
import { gaussianFeatures } from "./gaussians.ts";

Deno.test("polynomialMmd() of one-dimensional sets follows the sums written out", () => {
  const x = { n: 3, d: 1, data: Float32Array.of(0, 1, 2) },
    y = { n: 3, d: 1, data: Float32Array.of(1, 1, -1) };
  // k(a, b) = (ab + 1)³; xx over (0,1) (0,2) (1,2): 1, 1, 27; yy: 8, 0, 0; xy rows: 1 1 1, 8 8 0, 27 27 -1.
  assertClose([polynomialMmd(x, y).value], [29 / 3 + 8 / 3 - 2 * 72 / 9], { relative: 1e-12 });
});

Deno.test("kid() of two samples of one distribution has an interval around 0", () => {
  const { value, ci } = kid(gaussianFeatures(300, 8, 1), gaussianFeatures(400, 8, 2));
  assert.ok(ci![0] < 0 && ci![1] > 0, `${value} in [${ci}]`);
});

Deno.test("kid() of two distributions has an interval above 0, and falls as they come nearer", () => {
  const reference = gaussianFeatures(300, 8, 1);
  const far = kid(gaussianFeatures(300, 8, 2, { mean: 1 }), reference);
  const near = kid(gaussianFeatures(300, 8, 2, { mean: 0.5 }), reference);
  assert.ok(near.ci![0] > 0 && near.ci![1] < far.ci![0], `${near.ci} and ${far.ci}`);
});

Deno.test("kid() over subsets estimates the same as over all pairs, and does so reproducibly", () => {
  const x = gaussianFeatures(600, 8, 1, { mean: 1 }), y = gaussianFeatures(500, 8, 2);
  const whole = kid(x, y), parts = kid(x, y, { subsetSize: 100 });
  assert.notEqual(parts.value, whole.value);
  assertClose([parts.value], [whole.value], { absolute: whole.ci![1] - whole.ci![0] });
  assert.deepEqual(kid(x, y, { subsetSize: 100 }), parts);
  assert.throws(() => kid(x, y, { subsetSize: 2 }), /subsetSize is 2; expected/);
});

Deno.test("kid()'s interval holds the truth about 19 times in 20", () => {
  // Exact MMD² for x ~ N(m, 1), y ~ N(0, 1) under (xy + 1)³: Σ_p C(3,p) (E x^p - E y^p)².
  const m = 0.7, truth = 3 * m ** 2 + 3 * (m ** 2) ** 2 + (m ** 3 + 3 * m) ** 2;
  const sample = (i: number) =>
    kid(gaussianFeatures(200, 1, 10 + i, { mean: m }), gaussianFeatures(200, 1, 1000 + i));
  assertHonestIntervals(Array.from({ length: 60 }, (_, i) => sample(i)), truth);
});
