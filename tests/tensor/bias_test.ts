import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { addBias } from "../../src/tensor/bias.ts";
import { startTestEngine } from "../support.ts";
import { random, savedBytes } from "./parity.ts";

await startTestEngine();

Deno.test("addBias() saves nothing", () => {
  assert.equal(savedBytes(addBias, [random([2, 3, 3, 4]), random([4])]), 0);
});

Deno.test("addBias() gives the gradient of the bias alone where x is a constant", () => {
  tf.tidy(() => {
    const x = random([2, 3, 4]);
    const gradient = tf.grad((bias) => addBias(x, bias))(tf.zeros([4]), tf.ones([2, 3, 4]));
    assert.deepEqual([...gradient.dataSync()], [6, 6, 6, 6]);
  });
});
