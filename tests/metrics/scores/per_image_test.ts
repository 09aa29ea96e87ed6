import assert from "node:assert/strict";
import { clipScore, cosines, hpsScore, meanScore } from "../../../src/metrics/scores/per_image.ts";
import { assertClose } from "../../support.ts";

const images = { n: 3, d: 2, data: Float32Array.of(2, 0, 0, 3, 1, 1) };
const texts = { n: 3, d: 2, data: Float32Array.of(5, 0, 0, -1, 1, 0) };

Deno.test("cosines() compares the image and the text of each row, whatever their lengths", () => {
  assertClose(cosines(images, texts), [1, -1, Math.SQRT1_2], { absolute: 1e-12 });
});

Deno.test("clipScore() cuts off negative cosines, hpsScore() does not; both are of 100", () => {
  assertClose([clipScore(images, texts).value], [100 * (1 + Math.SQRT1_2) / 3], { relative: 1e-12 });
  assertClose([hpsScore(images, texts).value], [100 * Math.SQRT1_2 / 3], { relative: 1e-12 });
});

Deno.test("meanScore() has n and an interval around the mean, and names what is not finite", () => {
  const { value, ci, n } = meanScore([1, 2, 3, 4], "test");
  assert.ok(value === 2.5 && n === 4 && ci![0] < 2.5 && ci![1] > 2.5);
  assert.throws(() => meanScore([1, NaN], "rating"), /rating: image 1 has the value NaN/);
  assert.throws(() => meanScore([], "rating"), /no images/);
});

Deno.test("scores of images and texts need one text per image, of one network", () => {
  const fewer = { n: 2, d: 2, data: texts.data.subarray(0, 4) };
  assert.throws(() => clipScore(images, fewer), /2 texts for 3 images; expected one each/);
  assert.throws(() => clipScore(images, { n: 2, d: 3, data: texts.data }), /text features have d = 3/);
});
