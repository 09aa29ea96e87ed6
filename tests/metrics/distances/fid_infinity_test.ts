import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { fid, frechetDistance } from "../../../src/metrics/distances/fid.ts";
import { fidInfinity } from "../../../src/metrics/distances/fid_infinity.ts";
import { gaussian } from "../../../src/metrics/distances/gaussian.ts";
import { assertHonestIntervals } from "../statistics/intervals.ts";
import { gaussianFeatures } from "./gaussians.ts";

const reference = gaussianFeatures(3000, 8, 1);
const shifted = { mean: 0.1, spread: 1.1 };
/** The distance of the Gaussian that `shifted` draws from. */
const truth = frechetDistance(
  { mean: new Float64Array(8).fill(shifted.mean), covariance: Matrix.eye(8, 8, shifted.spread ** 2) },
  gaussian(reference),
);

Deno.test("fidInfinity() has less bias than the FID, and its interval holds the true distance", () => {
  const samples = Array.from({ length: 30 }, (_, i) => gaussianFeatures(200, 8, 10 + i, shifted));
  const infinity = samples.map((x) => fidInfinity(x, reference));
  const bias = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length - truth;
  const before = bias(samples.map((x) => fid(x, reference).value)),
    after = bias(infinity.map(({ value }) => value));
  assert.ok(before > 0.3 * truth && Math.abs(after) < before / 4, `bias ${after}, of the FID ${before}`);
  assertHonestIntervals(infinity, truth);
});

Deno.test("fidInfinity() is reproducible, and refuses fewer images than twice the features", () => {
  const x = gaussianFeatures(40, 8, 5);
  assert.deepEqual(fidInfinity(x, reference), fidInfinity(x, reference));
  assert.throws(
    () => fidInfinity(gaussianFeatures(17, 8, 5), reference),
    /needs at least 18 generated images for 8 features, got 17/,
  );
  assert.throws(() => fidInfinity(x, reference, { points: 2 }), /2 points; expected/);
});
