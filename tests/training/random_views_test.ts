import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { randomViews } from "../../src/training/random_views.ts";
import { assertClose, startTestEngine } from "../support.ts";

const still = { rotation: 0, scale: 0, aspect: 0, shear: 0, translation: 0, contrast: 0 };
const wide = { rotation: 0.3, scale: 0.3, aspect: 0.3, shear: 0.3, translation: 0.1, contrast: 0.3 };
const key = { seed: 1, purpose: "views", step: 3 };

function images(): tf.Tensor4D {
  return tf.range(0, 2 * 6 * 8 * 3).div(60).sin().reshape([2, 6, 8, 3]);
}

Deno.test("randomViews() without range gives the images back", async () => {
  await startTestEngine();
  assertClose(await randomViews(images(), [4, 5], key, still), images(), { absolute: 1e-6 });
});

Deno.test("randomViews() gives an image the same view in any batch, and each image its own", async () => {
  await startTestEngine();
  const x = images(), both = await randomViews(x, [4, 5], key, wide);
  const alone = await randomViews(x.slice([1, 0, 0, 0], [1, -1, -1, -1]) as tf.Tensor4D, [5], key, wide);
  assertClose(alone.squeeze([0]), both.slice([1, 0, 0, 0], [1, -1, -1, -1]).squeeze([0]), { absolute: 0 });
  const same = tf.concat([x.slice([0, 0, 0, 0], [1, -1, -1, -1]), x.slice([0, 0, 0, 0], [1, -1, -1, -1])], 0);
  const [first, second] = tf.split(await randomViews(same as tf.Tensor4D, [4, 5], key, wide), 2);
  assert.ok(first!.sub(second!).abs().max().dataSync()[0]! > 0.01);
});

Deno.test("randomViews() moves ink, and shows the background beyond the border", async () => {
  await startTestEngine();
  const ink = tf.pad(tf.ones([1, 2, 2, 1]), [[0, 0], [7, 7], [7, 7], [0, 0]]).mul(2).sub(1) as tf.Tensor4D;
  const view = await randomViews(ink, [0], key, { ...still, translation: 0.3 });
  assertClose(view.add(1).sum(), ink.add(1).sum(), { relative: 1e-4 });
  assert.ok(view.sub(ink).abs().max().dataSync()[0]! > 0.1);
  const gone = await randomViews(ink, [0], key, { ...still, translation: 40 });
  assert.equal(gone.max().dataSync()[0], -1);
});

Deno.test("randomViews() loses no more contrast than asked", async () => {
  await startTestEngine();
  const ink = tf.pad(tf.ones([1, 2, 2, 1]), [[0, 0], [3, 3], [3, 3], [0, 0]]).mul(2).sub(1) as tf.Tensor4D;
  const view = await randomViews(ink, [0], key, { ...still, contrast: 0.5 });
  const top = view.max().dataSync()[0]!;
  assert.ok(top >= 0 && top < 1, `${top}`);
  assert.equal(view.min().dataSync()[0], -1);
});
