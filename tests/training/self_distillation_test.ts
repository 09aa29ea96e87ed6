import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { initParams } from "../../src/nn/declare.ts";
import { dinoHead, distillation, sinkhorn } from "../../src/training/self_distillation.ts";
import { assertClose, startTestEngine } from "../support.ts";

Deno.test("sinkhorn() gives each row one unit and each prototype its share, though all rows agree", async () => {
  await startTestEngine();
  // every row likes prototype 0 best: a plain softmax would collapse onto it
  const cosines = tf.tensor2d(
    Array.from({ length: 12 }, (_, i) => [0.9, 0.2 * Math.sin(i), 0.2 * Math.cos(i)]),
  );
  const targets = sinkhorn(cosines, 0.1, 100);
  assertClose(targets.sum(1), tf.ones([12]), { absolute: 1e-5 });
  assertClose(targets.sum(0), tf.fill([3], 4), { absolute: 0.05 });
});

Deno.test("distillation() is least, the targets' entropy, where the student agrees", async () => {
  await startTestEngine();
  const cosines = tf.tensor2d([[0.5, -0.2, 0.1], [0, 0.3, -0.6]]), targets = tf.softmax(cosines.div(0.1));
  const entropy = targets.mul(targets.log()).sum(-1).neg();
  assertClose(distillation(targets, cosines, 0.1), entropy, { absolute: 1e-4 });
  const other = distillation(targets, cosines.reverse(1), 0.1);
  assert.ok(other.sub(entropy).min().dataSync()[0]! > 0.1);
});

Deno.test("dinoHead() gives cosines: at most 1 in magnitude, whatever the scale of its input", async () => {
  await startTestEngine();
  const d = {}, head = dinoHead(d, "head", { in: 4, hidden: 8, bottleneck: 3, prototypes: 5 });
  const y = head(initParams(d, 0), tf.range(0, 24).mul(100).reshape([2, 3, 4]));
  assert.deepEqual(y.shape, [2, 3, 5]);
  assert.ok(y.abs().max().dataSync()[0]! <= 1 + 1e-5);
});
