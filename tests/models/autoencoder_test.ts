import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { spaceToDepth } from "../../src/models/autoencoder.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

const digits = spaceToDepth(2);

Deno.test("spaceToDepth() makes each square of pixels the channels of one position", async () => {
  const gray = tf.range(0, 16).reshape([1, 4, 4, 1]);
  const latents = tf.tidy(() => digits.encode(gray.tile([1, 1, 1, 3])));
  assert.deepEqual(latents.shape, [1, 2, 2, 4]);
  const [values] = await take(latents);
  assertClose(values!, [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15], { absolute: 1e-5 });
  gray.dispose();
});

Deno.test("spaceToDepth() gives gray images back", () =>
  noLeak(async () => {
    const gray = tf.tidy(() => random([2, 6, 8, 1]).tile([1, 1, 1, 3]));
    const back = tf.tidy(() => digits.decode(digits.encode(gray)));
    assert.deepEqual(back.shape, gray.shape);
    const [actual, expected] = await take(back, gray);
    assertClose(actual!, expected!, { absolute: 1e-6 });
  }));

Deno.test("spaceToDepth(): the latent's shape is that of an encoded image", () => {
  assert.deepEqual(digits.latentShape(28, 28), [14, 14, 4]);
  const [, ...shape] = tf.tidy(() => spaceToDepth(4).encode(tf.zeros([1, 8, 12, 3])).shape);
  assert.deepEqual(shape, spaceToDepth(4).latentShape(8, 12));
});

Deno.test("spaceToDepth() is differentiable both ways", () =>
  noLeak(async () => {
    await assertGradients({ shapes: [[2, 4, 4, 3]], f: digits.encode });
    await assertGradients({ shapes: [[2, 2, 2, 4]], f: digits.decode });
  }));

Deno.test("spaceToDepth() names a size that does not divide into squares", () => {
  assert.throws(() => digits.latentShape(27, 28), /27×28 pixels do not divide into squares of 2×2/);
  tf.tidy(() => assert.throws(() => digits.encode(tf.zeros([1, 28, 27, 3])), /28×27 pixels do not divide/));
});
