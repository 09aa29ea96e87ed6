import assert from "node:assert/strict";
import { rocCurve } from "../../../src/metrics/statistics/roc.ts";
import { normalBatch } from "../../../src/runtime/random.ts";

Deno.test("rocCurve() of a score that tells all is a corner, of one that tells the opposite its mirror image", () => {
  assert.deepEqual(rocCurve([2, 3], [0, 1]), {
    falsePositive: [0, 0, 0, 0.5, 1],
    truePositive: [0, 0.5, 1, 1, 1],
    auc: 1,
  });
  assert.equal(rocCurve([0, 1], [2, 3]).auc, 0);
});

Deno.test("rocCurve() lets equal scores pass together", () => {
  assert.deepEqual(rocCurve([5, 5], [5]), { falsePositive: [0, 1], truePositive: [0, 1], auc: 0.5 });
});

Deno.test("rocCurve()'s area is the share of pairs in the right order", () => {
  const draw = (step: number, shift: number) =>
    normalBatch({ seed: 1, purpose: "roc", step }, [0], [40]).map((value) =>
      Math.round(3 * value) / 3 + shift
    );
  const positives = draw(0, 0.5), negatives = draw(1, 0);
  let right = 0;
  for (const p of positives) for (const n of negatives) right += p > n ? 1 : p === n ? 0.5 : 0;
  assert.ok(Math.abs(rocCurve(positives, negatives).auc - right / 1600) < 1e-12);
});

Deno.test("rocCurve() needs numbers", () => {
  assert.throws(() => rocCurve([], [1]), /given 0 positives, of which 0 are NaN/);
  assert.throws(() => rocCurve([1], [NaN]), /given 1 negatives, of which 1 are NaN/);
});
