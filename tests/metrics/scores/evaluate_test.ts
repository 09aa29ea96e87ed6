import assert from "node:assert/strict";
import { fid } from "../../../src/metrics/distances/fid.ts";
import { SCORE_DEFINITIONS } from "../../../src/metrics/scores/definitions.ts";
import { evaluateFeatures } from "../../../src/metrics/scores/evaluate.ts";
import { measureFloor } from "../../../src/metrics/scores/floor.ts";
import { formatScores } from "../../../src/metrics/scores/format.ts";
import { relativeChange } from "../../../src/metrics/statistics/score.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { assertClose } from "../../support.ts";
import { gaussianFeatures } from "../distances/gaussians.ts";

const reference = gaussianFeatures(200, 6, 1), train = gaussianFeatures(400, 6, 2);
const good = gaussianFeatures(100, 6, 3), bad = gaussianFeatures(100, 6, 4, { mean: 0.5, spread: 0.7 });

Deno.test("evaluateFeatures() gives every score with its n, interval and floor", async () => {
  const logits = { n: 100, d: 2, data: Float32Array.from({ length: 200 }, (_, i) => i % 2) };
  const referenceLogits = { n: 200, d: 2, data: Float32Array.from({ length: 400 }, (_, i) => i % 2) };
  const progress: string[] = [];
  const scores = await evaluateFeatures({
    generated: good,
    reference,
    train,
    logits,
    labels: new Array(100).fill(1),
    referenceLogits,
    referenceLabels: new Array(200).fill(1),
    onProgress: (done, total) => progress.push(`${done}/${total}`),
  });
  assert.deepEqual(Object.keys(scores).sort(), Object.keys(SCORE_DEFINITIONS).sort());
  for (const [name, { value, ci, n, floor }] of Object.entries(scores)) {
    assert.ok(ci![0] <= value && value <= ci![1], `${name}: ${value} in [${ci}]`);
    assert.ok(n === 100 && Number.isFinite(floor), name);
  }
  assertClose([scores.fid.value], [scores.fid.floor!], { relative: 0.5 });
  assert.equal(scores.accuracy!.value, 1);
  assert.deepEqual(progress, Array.from({ length: 14 }, (_, i) => `${i + 1}/14`));
});

Deno.test("evaluateFeatures() with a floor measured before gives the same scores", async () => {
  const floor = await measureFloor({ reference, train, n: 100 });
  assert.equal(floor.draws, 3);
  assert.deepEqual(
    await evaluateFeatures({ generated: bad, reference, train, floor }),
    await evaluateFeatures({ generated: bad, reference, train }),
  );
});

Deno.test("the floor at another n, or with too few real images, is refused", async () => {
  const floor = await measureFloor({ reference, train, n: 50, draws: 1 });
  const evaluated = evaluateFeatures({ generated: good, reference, train, floor });
  await assert.rejects(
    evaluated,
    (e: Error) => e instanceof UserError && /floor was measured at n = 50/.test(e.message),
  );
  await assert.rejects(
    measureFloor({ reference, train, n: 401 }),
    /needs 401 real images.*but there are 400/s,
  );
  const otherK = evaluateFeatures({ generated: gaussianFeatures(50, 6, 3), reference, train, floor, k: 3 });
  await assert.rejects(otherK, /floor was measured with k = 5 neighbours, expected 3/);
  const none = await evaluateFeatures({
    generated: good,
    reference,
    train: gaussianFeatures(60, 6, 9),
    draws: 0,
  });
  assert.ok(none.fid.floor === undefined && none.nearestTrain.floor! > 0);
});

Deno.test("the floor of the FID is that of real images at the samples' n, and falls with n", async () => {
  const [small, middle, large] = await Promise.all(
    [20, 100, 120].map(async (n) => (await measureFloor({ reference, train, n })).scores.fid!),
  ) as [number, number, number];
  assert.ok(small > 2 * large && large > 0);
  assert.ok(fid(bad, reference).value > 2 * middle);
});

Deno.test("evaluateFeatures() stops when aborted, and wants logits and labels together", async () => {
  const stop = new AbortController();
  const onProgress = (done: number) => done === 2 && stop.abort();
  const stopped = evaluateFeatures({ generated: good, reference, train, onProgress, signal: stop.signal });
  await assert.rejects(stopped, { name: "AbortError" });
  await assert.rejects(
    evaluateFeatures({ generated: good, reference, train, labels: [1] }),
    /both logits and labels/,
  );
});

Deno.test("formatScores() prints n and the floor, and refuses scores at different n", async () => {
  const scores = await evaluateFeatures({ generated: good, reference, train, draws: 1 });
  const worse = await evaluateFeatures({ generated: bad, reference, train, draws: 1 });
  const text = formatScores([{ name: "untuned", scores: worse }, { name: "tuned", scores }]);
  const [header, , first] = text.split("\n") as [string, string, string];
  assert.match(header, /^score +untuned +tuned +floor$/);
  assert.match(first, /^FID ↓ +[\d.]+ \[[\d.]+, [\d.]+\] +[\d.]+ \[[\d.]+, [\d.]+\] +[\d.]+$/);
  assert.match(
    text,
    /n = 100 generated images per model, against 200 held-out.*against 400 training images.*floor: .* n = 100 real/s,
  );
  const fewer = await evaluateFeatures({ generated: gaussianFeatures(50, 6, 3), reference, train, draws: 1 });
  assert.throws(() => formatScores([{ name: "a", scores }, { name: "b", scores: fewer }]), /n = 100.*n = 50/);
  assert.throws(() => formatScores([]), UserError);
});

Deno.test("relativeChange() refuses scores at different n", () => {
  assertClose([relativeChange({ value: 100, n: 10 }, { value: 87.3, n: 10 })], [-0.127], { relative: 1e-12 });
  assert.throws(() => relativeChange({ value: 100, n: 10 }, { value: 87.3, n: 20 }), /n = 10, and n = 20/);
});
