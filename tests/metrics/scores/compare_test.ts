import assert from "node:assert/strict";
import { cmmd } from "../../../src/metrics/distances/cmmd.ts";
import { fid } from "../../../src/metrics/distances/fid.ts";
import { fidInfinity } from "../../../src/metrics/distances/fid_infinity.ts";
import { kid } from "../../../src/metrics/distances/kid.ts";
import { manifoldScores } from "../../../src/metrics/distances/manifold.ts";
import { comparisonWith } from "../../../src/metrics/scores/compare.ts";
import { formatFolderScores } from "../../../src/metrics/scores/compare_table.ts";
import { mean } from "../../../src/metrics/statistics/interval.ts";
import { gaussianFeatures } from "../distances/gaussians.ts";

const reference = gaussianFeatures(60, 4, 1), generated = gaussianFeatures(50, 4, 2, { mean: 0.4 });

Deno.test("comparisonWith() gives the scores of the single functions, and reports its steps", async () => {
  const steps: string[] = [];
  const onProgress = (done: number, total: number) => steps.push(`${done}/${total}`);
  const { scores } = await comparisonWith(reference, { embeddings: true })(generated, { onProgress });
  assert.deepEqual(scores, {
    fid: fid(generated, reference),
    fidInfinity: fidInfinity(generated, reference),
    kid: kid(generated, reference),
    cmmd: cmmd(generated, reference),
    ...manifoldScores(generated, reference),
  });
  assert.deepEqual(steps, Array.from({ length: 40 }, (_, i) => `${i}/39`));
});

Deno.test("comparisonWith() leaves out what is not defined: CMMD elsewhere than on CLIP, FID∞ of few images", async () => {
  const { scores } = await comparisonWith(reference)(gaussianFeatures(9, 4, 3));
  assert.ok(!("cmmd" in scores) && !("fidInfinity" in scores));
});

Deno.test("comparisonWith() gives terms whose means are the scores", async () => {
  const { scores, terms } = await comparisonWith(reference, { groups: 10 })(generated);
  assert.deepEqual(
    Object.entries(terms).map(([name, { length }]) => [name, length]),
    [["fid", 10], ["kid", 50], ["precision", 50], ["recall", 60], ["density", 50], ["coverage", 60]],
  );
  for (const [name, values] of Object.entries(terms)) {
    assert.ok(Math.abs(mean(values) - scores[name as keyof typeof terms].value) < 1e-12, name);
  }
  assert.deepEqual(scores.fid, fid(generated, reference, { groups: 10 }));
});

Deno.test("comparisonWith() stops when aborted, and refuses other features and too few images", async () => {
  const compare = comparisonWith(reference), stop = new AbortController();
  const onProgress = (done: number) => done === 3 && stop.abort();
  await assert.rejects(compare(generated, { onProgress, signal: stop.signal }), { name: "AbortError" });
  await assert.rejects(compare(gaussianFeatures(50, 5, 2)), /d = 5/);
  await assert.rejects(compare(gaussianFeatures(5, 4, 2)), /5 images, but at least 6/);
});

Deno.test("formatFolderScores() has a column for each folder, and refuses folders at different n", async () => {
  const compare = comparisonWith(reference);
  const row = async (name: string, n: number, seed: number, mean = 0) => {
    return { name, scores: (await compare(gaussianFeatures(n, 4, seed, { mean }))).scores };
  };
  const rows = [await row("before", 50, 2, 0.4), await row("after", 50, 5)];
  const text = formatFolderScores(rows, { kind: "dinov2", features: 4 });
  assert.match(
    text,
    /^score +before +after\n-+ +-+ +-+\nFD \(DINOv2\) ↓ +[\d.]+ \[[\d.]+, [\d.]+\] +[\d.]+ \[/,
  );
  assert.match(text, /n = 50 images each, against 60 reference images/);
  assert.doesNotMatch(text, /Too few images|CMMD|CLIP/);
  assert.match(
    formatFolderScores(rows, { kind: "dinov2", features: 50 }),
    /Too few images .* 50 against 50 features/,
  );
  const fewer = await row("fewer", 20, 5);
  assert.throws(
    () => formatFolderScores([...rows, fewer], { kind: "dinov2", features: 4 }),
    /n = 50 .*n = 20/,
  );
});
