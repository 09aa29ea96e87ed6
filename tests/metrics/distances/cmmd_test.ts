import assert from "node:assert/strict";
import { cmmd } from "../../../src/metrics/distances/cmmd.ts";
import { takeRows } from "../../../src/metrics/features/features.ts";
import { mean } from "../../../src/metrics/statistics/interval.ts";
import { assertClose } from "../../support.ts";
import { assertHonestIntervals } from "../statistics/intervals.ts";
import { gaussianFeatures } from "./gaussians.ts";

Deno.test("cmmd() does not depend on the embeddings' lengths, and falls as sets come nearer", () => {
  const reference = gaussianFeatures(80, 6, 1);
  const far = gaussianFeatures(70, 6, 2, { mean: 1 }), near = gaussianFeatures(70, 6, 2, { mean: 0.3 });
  const longer = { ...far, data: far.data.map((value) => 4 * value) };
  const score = cmmd(far, reference);
  assertClose([cmmd(longer, reference).value], [score.value], { relative: 1e-6 });
  assert.ok(score.value > 2 * cmmd(near, reference).value);
  assert.ok(score.ci![0] < score.value && score.value < score.ci![1] && score.ci![0] > 0);
  assert.deepEqual([score.n, score.nReference], [70, 80]);
});

Deno.test("cmmd()'s interval holds the value at another sample about 19 times in 20", () => {
  const scores = Array.from(
    { length: 40 },
    (_, i) => cmmd(gaussianFeatures(60, 4, 10 + i, { mean: 0.8 }), gaussianFeatures(60, 4, 500 + i)),
  );
  assertHonestIntervals(scores, mean(scores.map(({ value }) => value)));
});

Deno.test("cmmd() refuses embeddings without direction, too few, or of different networks", () => {
  const x = gaussianFeatures(8, 3, 1), zero = { ...x, data: x.data.map((value, i) => i < 3 ? 0 : value) };
  assert.throws(() => cmmd(zero, x), /generated embeddings: that of image 0 is 0/);
  assert.throws(() => cmmd(takeRows(x, [0, 1]), x), /2 images, but at least 4/);
  assert.throws(() => cmmd(gaussianFeatures(8, 4, 1), x), /d = 4/);
});
