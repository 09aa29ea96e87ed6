import assert from "node:assert/strict";
import type { Features } from "../../../src/metrics/features/features.ts";
import { scoresOfMatches, shuffledTexts, textMatches } from "../../../src/metrics/scores/picture_text.ts";
import { assertClose } from "../../support.ts";

const rows = (...data: number[][]): Features => ({
  n: data.length,
  d: data[0]!.length,
  data: Float32Array.from(data.flat()),
});

/** Texts in the plane at 0°, 90° and 180°. */
const texts = rows([2, 0], [0, 5], [-1, 0]);

Deno.test("textMatches() gives each picture's cosine with its text and the text's place, whatever their lengths", () => {
  const angle = (degrees: number, length: number) => {
    return [length * Math.cos(degrees * Math.PI / 180), length * Math.sin(degrees * Math.PI / 180)];
  };
  const pictures = rows(angle(10, 3), angle(10, 1), angle(10, 0.1), angle(-80, 2));
  const { cosines, ranks } = textMatches(pictures, texts, [0, 1, 2, 1]);
  const expected = [10, 80, 170, 170].map((degrees) => Math.cos(degrees * Math.PI / 180));
  assertClose(cosines, expected, { absolute: 1e-6 });
  assert.deepEqual([...ranks], [1, 2, 3, 3]);
});

Deno.test("textMatches() counts texts that are as near as a picture's own before it", () => {
  const { ranks, cosines } = textMatches(rows([0, 0], [0, -1]), texts, [1, 2]);
  assert.deepEqual([...ranks], [3, 2]);
  assert.equal(cosines[0], 0);
});

Deno.test("textMatches() names a text that is not there", () => {
  assert.throws(
    () => textMatches(rows([1, 0]), texts, [3]),
    /one of 3 texts for each of 1 pictures, .* of them 3/,
  );
  assert.throws(() => textMatches(rows([1, 0]), texts, [0, 1]), /for each of 1 pictures, got 2 numbers/);
});

Deno.test("scoresOfMatches() are shares, a mean and a median, each with an interval around it", () => {
  const ranks = Float64Array.of(1, 1, 2, 10, 11, 40), cosines = Float64Array.of(0.6, 0.5, 0.4, 0.3, 0.2, 0.1);
  const scores = scoresOfMatches({ ranks, cosines }, 50);
  const { cosine, recallAt1, recallAt10, medianRank } = scores;
  assertClose([cosine.value, recallAt1.value, recallAt10.value, medianRank.value], [0.35, 2 / 6, 4 / 6, 6], {
    relative: 1e-12,
  });
  for (const { value, ci: [low, high] = [NaN, NaN], n, nReference } of Object.values(scores)) {
    assert.ok(low < value && value < high && n === 6 && nReference === 50);
  }
  const never = scoresOfMatches({ ranks: ranks.fill(20), cosines }, 50).recallAt10;
  assert.ok(never.value === 0 && never.ci![1] > 0.3, "an interval has a width where no picture is right");
});

Deno.test("shuffledTexts() gives each text as often as before, in an order that the seed fixes", () => {
  const own = Int32Array.from({ length: 40 }, (_, i) => i % 7), other = shuffledTexts(own, 3);
  assert.deepEqual([...other].sort(), [...own].sort());
  assert.notDeepEqual(other, own);
  assert.deepEqual(shuffledTexts(own, 3), other);
  assert.notDeepEqual(shuffledTexts(own, 4), other);
});
