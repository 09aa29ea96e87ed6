import assert from "node:assert/strict";
import { manifoldScores } from "../../../src/metrics/distances/manifold.ts";
import { copyScores, nearestDistances } from "../../../src/metrics/distances/nearest.ts";
import { takeRows } from "../../../src/metrics/features/features.ts";
import { assertClose } from "../../support.ts";
import { gaussianFeatures } from "./gaussians.ts";

function values(scores: ReturnType<typeof manifoldScores>): number[] {
  return [scores.precision.value, scores.recall.value, scores.density.value, scores.coverage.value];
}

Deno.test("manifoldScores() of sets far apart are 0, with intervals that do not shrink to a point", () => {
  const scores = manifoldScores(gaussianFeatures(40, 3, 1, { mean: 50 }), gaussianFeatures(30, 3, 2));
  assert.deepEqual(values(scores), [0, 0, 0, 0]);
  assert.ok(scores.precision.ci![0] === 0 && scores.precision.ci![1] > 0.05);
});

Deno.test("manifoldScores() of a set with itself: precision, recall and coverage 1, density above 1", () => {
  const x = gaussianFeatures(50, 3, 1), [precision, recall, density, coverage] = values(manifoldScores(x, x));
  assert.deepEqual([precision, recall, coverage], [1, 1, 1]);
  assert.equal(density, (5 + 1) / 5); // every ball holds its k neighbours and its own centre
});

Deno.test("manifoldScores() of a generator that knows one mode of two: precise, not recalled, not covering", () => {
  const one = gaussianFeatures(100, 3, 1), other = gaussianFeatures(100, 3, 2, { mean: 20 });
  const both = { n: 200, d: 3, data: Float32Array.of(...one.data, ...other.data) };
  const { precision, recall, coverage } = manifoldScores(gaussianFeatures(100, 3, 3), both);
  assert.ok(precision.value > 0.8, `precision ${precision.value}`);
  assert.ok(
    recall.value <= 0.5 && coverage.value <= 0.5,
    `recall ${recall.value}, coverage ${coverage.value}`,
  );
});

Deno.test("manifoldScores() needs more than k images", () => {
  assert.throws(
    () => manifoldScores(gaussianFeatures(5, 3, 1), gaussianFeatures(9, 3, 2)),
    /at least 6 are needed/,
  );
});

Deno.test("nearestDistances() finds exact copies at distance 0 for any number of rows", () => {
  for (const n of [1, 2, 3, 4, 5, 9]) {
    const train = gaussianFeatures(n, 7, 1, { mean: 100 });
    assert.deepEqual([...nearestDistances(takeRows(train, [n - 1, 0]), train)], [0, 0]);
  }
  const line = { n: 3, d: 2, data: Float32Array.of(0, 0, 3, 4, 6, 8) };
  assertClose(nearestDistances({ n: 1, d: 2, data: Float32Array.of(3, 0) }, line), [3], { relative: 1e-12 });
});

Deno.test("copyScores() tells a generator that copies from one that does not", () => {
  const train = gaussianFeatures(400, 6, 1), heldOut = nearestDistances(gaussianFeatures(200, 6, 2), train);
  const honest = copyScores(gaussianFeatures(200, 6, 3), train, heldOut).scores;
  const copies = takeRows(train, Array.from({ length: 200 }, (_, i) => i));
  const moved = { ...copies, data: copies.data.map((value) => value + 1e-3) };
  const copying = copyScores(moved, train, heldOut).scores;
  assert.ok(honest.nearCopies.value < 0.05 && copying.nearCopies.value === 1);
  assert.ok(Math.abs(honest.nearestTrain.value / honest.nearestTrain.floor! - 1) < 0.1);
  assert.ok(copying.nearestTrain.value < 0.01 * copying.nearestTrain.floor!);
  assertClose([honest.nearCopies.floor!], [0.01], { absolute: 0.005 });
});
