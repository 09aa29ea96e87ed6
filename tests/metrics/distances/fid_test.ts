import { Matrix } from "ml-matrix";
import assert from "node:assert/strict";
import { fid, frechetDistance } from "../../../src/metrics/distances/fid.ts";
import { type Gaussian, gaussian, leaveGroupOut } from "../../../src/metrics/distances/gaussian.ts";
import { takeRows } from "../../../src/metrics/features/features.ts";
import { mean } from "../../../src/metrics/statistics/interval.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { permutation } from "../../../src/runtime/random.ts";
import { assertClose } from "../../support.ts";
import { assertHonestIntervals } from "../statistics/intervals.ts";
import { gaussianFeatures } from "./gaussians.ts";

function exact(mean: number[], covariance: number[][]): Gaussian {
  return { mean: Float64Array.from(mean), covariance: new Matrix(covariance) };
}

Deno.test("frechetDistance() of commuting Gaussians is |Δμ|² + Σ(σ₁ - σ₂)²", () => {
  const a = exact([1, 2, 3], [[4, 0, 0], [0, 9, 0], [0, 0, 1]]);
  const b = exact([1, 0, 4], [[1, 0, 0], [0, 16, 0], [0, 0, 0]]);
  assertClose([frechetDistance(a, b)], [(4 + 1) + (1 + 1 + 1)], { relative: 1e-12 });
});

Deno.test("frechetDistance() of 2-d Gaussians follows tr √P = √(tr P + 2√det P) with P = S₁S₂", () => {
  const s1 = [[2, 0.9], [0.9, 1]], s2 = [[1, -0.4], [-0.4, 3]];
  const product = new Matrix(s1).mmul(new Matrix(s2));
  const determinant = (2 * 1 - 0.9 ** 2) * (1 * 3 - 0.4 ** 2);
  const expected = 0.25 + (2 + 1) + (1 + 3) - 2 * Math.sqrt(product.trace() + 2 * Math.sqrt(determinant));
  assertClose([frechetDistance(exact([0, 0.5], s1), exact([0, 0], s2))], [expected], { relative: 1e-12 });
});

Deno.test("fid() of a set with itself is 0, also with fewer images than features", () => {
  for (const n of [40, 8]) {
    const x = gaussianFeatures(n, 16, 1);
    assertClose([fid(x, x).value], [0], { absolute: 1e-6 });
  }
});

Deno.test("fid() of a set and its shifted copy is the shift squared", () => {
  const x = gaussianFeatures(50, 4, 1), y = { ...x, data: x.data.map((value) => value + 0.5) };
  assertClose([fid(y, x).value], [4 * 0.25], { relative: 1e-5 });
});

Deno.test("fid() is biased upwards at small n, so n belongs to it", () => {
  const reference = gaussianFeatures(2000, 16, 1);
  const few = fid(gaussianFeatures(100, 16, 2), reference),
    many = fid(gaussianFeatures(1000, 16, 2), reference);
  assert.ok(few.value > 3 * many.value, `${few.value} at n = ${few.n}, ${many.value} at n = ${many.n}`);
});

Deno.test("leaveGroupOut() gives the Gaussians of the rows that stay", () => {
  const x = gaussianFeatures(23, 5, 1, { mean: 3 }),
    order = permutation({ seed: 9, purpose: "jackknife groups", step: 0 }, 23);
  const left = [...leaveGroupOut(x, 4, 9)];
  left.forEach(({ mean, covariance }, g) => {
    const kept = order.filter((_, at) => at < Math.round(g * 23 / 4) || at >= Math.round((g + 1) * 23 / 4));
    const direct = gaussian(takeRows(x, kept));
    assertClose(mean, direct.mean, { relative: 1e-12 });
    assertClose(covariance.to1DArray(), direct.covariance.to1DArray(), { relative: 1e-12 });
  });
});

Deno.test("fid()'s interval holds a new sample's FID about 19 times in 20", () => {
  const reference = gaussianFeatures(1000, 8, 1);
  const sample = (s: number) => fid(gaussianFeatures(250, 8, s, { mean: 0.3, spread: 1.2 }), reference);
  const scores = Array.from({ length: 60 }, (_, i) => sample(100 + i));
  assertHonestIntervals(scores, mean(scores.map(({ value }) => value)));
});

Deno.test("fid() names features that do not fit together, are too few or not finite", () => {
  const x = gaussianFeatures(10, 4, 1);
  assert.throws(
    () => fid(gaussianFeatures(10, 5, 1), x),
    /generated features have d = 5, reference features d = 4/,
  );
  assert.throws(() => fid(gaussianFeatures(2, 4, 1), x), /generated features: 2 images, but at least 4/);
  const broken = { ...x, data: x.data.map((value, i) => i === 13 ? NaN : value) };
  assert.throws(
    () => fid(broken, x),
    (e: Error) => e instanceof UserError && /image 3 has the value NaN/.test(e.message),
  );
});

Deno.test("frechetDistance() of few samples takes their rows, and gives what their covariance gives, also with a group left out", () => {
  const reference = gaussian(gaussianFeatures(60, 24, 1)), few = gaussianFeatures(10, 24, 2, { spread: 1.5 });
  for (const { rows, ...moments } of [gaussian(few), ...leaveGroupOut(few, 3, 0)]) {
    const squares = Float64Array.from(rows!.data).reduce((sum, value) => sum + value * value, 0);
    assertClose([squares], [moments.covariance.trace()], { relative: 1e-9 });
    assertClose([frechetDistance({ rows: rows!, ...moments }, reference)], [
      frechetDistance(moments, reference),
    ], {
      relative: 1e-9,
    });
  }
  assert.equal(gaussian(gaussianFeatures(24, 24, 3)).rows, undefined);
});
