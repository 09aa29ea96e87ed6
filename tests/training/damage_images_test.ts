import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { damageImages } from "../../src/training/damage_images.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

/** A white pixel at (row, column) 3, 4 of each of 400 black images. */
const dots = tf.tidy(() => {
  const dot = tf.oneHot(tf.scalar(3 * 8 + 4, "int32"), 64).reshape([1, 8, 8, 1]);
  return tf.tile(dot.mul(2).sub(1), [400, 1, 1, 3]) as tf.Tensor4D;
});

Deno.test("damageImages() without strength gives the images", () => {
  assertClose(damageImages(dots, { noise: 0, blur: 0 }, { seed: 0, step: 1 }), dots, { absolute: 1e-6 });
});

Deno.test("damageImages(): blur spreads a share of the light, uniform from 0 to the largest, and keeps its sum", () => {
  tf.tidy(() => {
    const light = damageImages(dots, { noise: 0, blur: 1 }, { seed: 0, step: 1 }).add(1);
    assertClose(light.sum([1, 2, 3]), tf.fill([400], 6), { relative: 1e-5 });
    const lost = tf.sub(2, light.slice([0, 3, 4, 0], [400, 1, 1, 1])),
      shares = Array.from(lost.div(1.5).dataSync());
    assert.ok(Math.max(...shares) <= 1 + 1e-5 && Math.min(...shares) >= 0);
    const mean = shares.reduce((a, b) => a + b) / 400, square = shares.reduce((a, b) => a + b * b, 0) / 400;
    assert.ok(Math.abs(mean - 1 / 2) < 0.05 && Math.abs(square - 1 / 3) < 0.05, `${mean}, ${square}`);
  });
});

Deno.test("damageImages(): noise is grey, of a strength per image, and fixed by seed and step", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      const damaged = (step: number) => damageImages(dots, { noise: 0.6, blur: 0 }, { seed: 0, step });
      const noise = damaged(1).sub(dots), [red, green] = tf.split(noise, 3, 3);
      assertClose(red!, green!, { absolute: 1e-6 });
      const strengths = Array.from(red!.square().mean([1, 2, 3]).sqrt().dataSync());
      assert.ok(Math.max(...strengths) > 0.5 && Math.min(...strengths) < 0.1);
      assertClose(damaged(1), damaged(1), { absolute: 0 });
      assert.ok((damaged(1).sub(damaged(2)).abs().mean().arraySync() as number) > 0.1);
    })
  );
});
