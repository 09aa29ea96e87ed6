import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type Declarations, initParams } from "../../src/nn/declare.ts";
import { embedding } from "../../src/nn/embedding.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, startTestEngine } from "../support.ts";

await startTestEngine();

Deno.test("embedding() looks up rows, and their gradients add up", () => {
  const d: Declarations = {}, words = embedding(d, "words", { count: 4, width: 2, spread: 0.5 });
  const table = tf.tensor2d([[0, 1], [2, 3], [4, 5], [6, 7]]),
    ids = tf.tensor2d([[1, 3, 1]], [1, 3], "int32");
  const { value, grads } = vjp((t) => words({ "words.weight": t }, ids), [table], tf.ones([1, 3, 2]));
  assertClose(value, tf.tensor3d([[[2, 3], [6, 7], [2, 3]]]), { absolute: 0 });
  assertClose(grads[0]!, tf.tensor2d([[0, 0], [2, 2], [0, 0], [1, 1]]), { absolute: 0 });
});

Deno.test("embedding() starts with the spread asked for", () => {
  const d: Declarations = {};
  embedding(d, "words", { count: 1000, width: 8, spread: 0.5 });
  const { variance } = tf.moments(initParams(d, 0)["words.weight"]!);
  assert.ok(Math.abs(variance.sqrt().dataSync()[0]! - 0.5) < 0.02);
});
