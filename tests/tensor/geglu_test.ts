import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { geglu } from "../../src/tensor/geglu.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, savedBytes, take } from "./parity.ts";

await startTestEngine();

Deno.test("geglu() gates the first half by the exact GELU of the second, as diffusers does", async () => {
  await noLeak(async () => {
    const [y] = await take(tf.tidy(() => geglu(tf.tensor2d([[2, -3, 10, 1, -0.5, 2.5]]))));
    assertClose(y!, [2 * 0.8413447460685429, -3 * -0.1542687694, 10 * 2.4844758366855], { absolute: 2e-5 });
  });
});

Deno.test("geglu() saves its input only", () => {
  assert.equal(savedBytes(geglu, [random([3, 4, 10])]), 4 * 3 * 4 * 10);
});

Deno.test("geglu() refuses an odd number of channels", () => {
  tf.tidy(() => assert.throws(() => geglu(random([2, 5])), /5 channels do not divide into values and gates/));
});
