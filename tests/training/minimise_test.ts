import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import type { Declarations } from "../../src/nn/declare.ts";
import { linear } from "../../src/nn/layers.ts";
import { minimise, type Training } from "../../src/training/minimise.ts";
import { initialState } from "../../src/training/training_state.ts";
import { noLeak, startTestEngine } from "../support.ts";

Deno.test("minimise() refuses the state of another network before it computes anything, and frees it", async () => {
  await startTestEngine();
  const declarations: Declarations = {};
  linear(declarations, "layer", { in: 2, out: 1 });
  const objective = {
    declarations,
    batch: () => Promise.reject(new Error("no update was expected")),
    loss: () => tf.scalar(0),
  };
  const optimizer: Training["optimizer"] = {
    ...{ lr: 1, schedule: "constant", warmupSteps: 0 },
    ...{ betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0, clipNorm: 1 },
  };
  const training: Training = { steps: 2, batchSize: 1, seed: 0, optimizer, emaDecay: 0.9 };
  await noLeak(() =>
    assert.rejects(
      minimise(objective, training, { resume: { state: initialState(tf.ones([7])), step: 1 } }),
      {
        name: "UserError",
        message: /of another network: it has 7 trained numbers, that of this run 3\. Was/,
      },
    )
  );
});
