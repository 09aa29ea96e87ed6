import assert from "node:assert/strict";
import { evaluateWithTerms } from "../../../src/metrics/scores/evaluate.ts";
import { crossedInterval, differences, relativeChanges } from "../../../src/metrics/statistics/crossed.ts";
import { mean, meanInterval, studentQuantile, variance } from "../../../src/metrics/statistics/interval.ts";
import { normal } from "../../../src/runtime/random.ts";
import recorded from "../../fixtures/metrics/crossed.json" with { type: "json" };
import { assertClose } from "../../support.ts";
import { gaussianFeatures } from "../distances/gaussians.ts";

const draw = (n: number, sample: number) => normal({ seed: 5, purpose: "crossed test", step: 0, sample }, n);
/** Cells a_i + b_j + noise. */
const additive = (a: ArrayLike<number>, b: ArrayLike<number>, noise = 0, sample = 99) =>
  Array.from(a, (row, i) => {
    const e = draw(b.length, 1000 * sample + i);
    return Float64Array.from(b, (column, j) => row + column + noise * e[j]!);
  });
const many = { resamples: 20_000 };

Deno.test("crossedInterval() of one seed is scipy's interval of the images", () => {
  const { value, ci } = crossedInterval([recorded.images], many);
  assertClose([value, ...ci], [mean(recorded.images), ...recorded.images_student], { absolute: 0.02 });
  const n = recorded.images.length, error = (ci[1] - value) / studentQuantile(n - 1);
  assertClose([error], [recorded.images_bootstrap_error * Math.sqrt(n / (n - 1))], { relative: 0.02 });
});

Deno.test("crossedInterval() of equal images is scipy's interval of the seeds", () => {
  const { value, ci } = crossedInterval(additive(recorded.seeds, new Float64Array(30)), many);
  assertClose([value, ...ci], [mean(recorded.seeds), ...recorded.seeds_student], { absolute: 0.02 });
});

Deno.test("crossedInterval() adds the variances of seeds and images", () => {
  const a = draw(5, 1).map((x) => 0.3 * x),
    b = draw(50, 2),
    { value, ci } = crossedInterval(additive(a, b), many);
  const halves = [a, b].map((x) => {
    const { mean, ci } = meanInterval(x), df = x.length - 1;
    return { variance: ((ci[1] - mean) / studentQuantile(df)) ** 2, df };
  });
  const total = halves.reduce((sum, { variance }) => sum + variance, 0);
  const df = total ** 2 / halves.reduce((sum, part) => sum + part.variance ** 2 / part.df, 0);
  const half = studentQuantile(Math.floor(df)) * Math.sqrt(total);
  assertClose([ci[0], ci[1]], [value - half, value + half], { absolute: 0.03 * half });
});

Deno.test("crossedInterval() holds the truth in at least 95 % of 300 repetitions with three seeds", () => {
  let held = 0;
  for (let r = 0; r < 300; r++) {
    const table = additive(draw(3, 10 + 2 * r).map((x) => 0.2 * x), draw(40, 11 + 2 * r), 0.5, r);
    const { ci } = crossedInterval(table, { resamples: 200 });
    if (ci[0] <= 0 && ci[1] >= 0) held++;
  }
  assert.ok(held >= 285 && held < 300, `${held} of 300`);
});

Deno.test("paired differences are sharp where models share their noise, unpaired ones are not", () => {
  const before = additive([0, 0.1, -0.1], draw(60, 3)), after = before.map((row) => row.map((x) => x - 0.2));
  const { value, ci, seeds } = crossedInterval(differences(after, before));
  assertClose([value, ...ci], [-0.2, -0.2, -0.2], { absolute: 1e-6 });
  assert.equal(seeds, 3);
  assert.ok(crossedInterval(after).ci[1] > crossedInterval(before).ci[0]);
});

Deno.test("the untuned model's one row is paired with every seed", () => {
  const untuned = [Float64Array.of(4, 6)], tuned = [[3, 5], [2, 4], [1, 3]];
  assert.deepEqual(differences(tuned, untuned).map((row) => [...row]), [[-1, -1], [-2, -2], [-3, -3]]);
  assert.deepEqual(differences(untuned, tuned).map((row) => [...row]), [[1, 1], [2, 2], [3, 3]]);
  assert.throws(() => differences(tuned, tuned.slice(1)), /3 seeds cannot be paired with 2/);
  assert.throws(() => differences(tuned, [[1, 2, 3]]), /2, 3 groups of images cannot be compared/);
});

Deno.test("a relative change has no width where the factor is the same everywhere, and its own value", () => {
  const before = additive([5, 6], draw(30, 4)), after = before.map((row) => row.map((x) => 0.8 * x));
  const { value, ci } = crossedInterval(relativeChanges(after, before));
  assertClose([value, ...ci], [-0.2, -0.2, -0.2], { absolute: 1e-6 });
  const other = additive([4, 4.5], draw(30, 5));
  assertClose([crossedInterval(relativeChanges(other, before)).value], [
    mean(other.map(mean)) / mean(before.map(mean)) - 1,
  ], { relative: 1e-9 });
});

const reference = gaussianFeatures(150, 3, 1), train = gaussianFeatures(150, 3, 2);
const evaluated = async (seed: number) => {
  const generated = gaussianFeatures(100, 3, seed, { mean: 0.4, spread: 0.8 });
  const logits = gaussianFeatures(100, 3, seed + 500), labels = new Array(100).fill(1);
  return await evaluateWithTerms({ generated, reference, train, logits, labels, draws: 0, groups: 20 });
};

Deno.test("the mean of every score's terms is the score", async () => {
  const { scores, terms } = await evaluated(3);
  assert.deepEqual(Object.keys(terms).sort(), Object.keys(scores).sort());
  for (const [name, { value }] of Object.entries(scores)) {
    const own = terms[name as keyof typeof scores]!;
    assert.equal(own.length, 20);
    assertClose([mean(own)], [value], { absolute: 1e-9 * (1 + Math.abs(value)) });
  }
});

Deno.test("terms tell how scores scatter between samples of one generator", async () => {
  const all = [];
  for (let i = 0; i < 60; i++) all.push(await evaluated(100 + i));
  // of images of the reference, which are the same here, the mean runs over in recall and coverage
  for (const name of ["fid", "kid", "precision", "density", "accuracy", "nearestTrain"] as const) {
    const spread = Math.sqrt(variance(all.map(({ scores }) => scores[name]!.value)));
    // the variances' mean: a mean of deviations falls short where a sample has a few misses or none, as of precision here
    const told = Math.sqrt(mean(all.map(({ terms }) => variance(terms[name]!) / 20)));
    assertClose([told / spread], [1], { absolute: 0.25 }); // of 60 samples: a tenth is one standard error
  }
});
