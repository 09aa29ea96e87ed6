import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { classTokens, dropLabels } from "../../src/training/class_tokens.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { take } from "../tensor/parity.ts";

await startTestEngine();

Deno.test("classTokens() is one one-hot token for each sample, the last place for no condition", () =>
  noLeak(async () => {
    const { encoder_hidden_states: tokens, ...rest } = classTokens([2, 0, -1], 3);
    assert.deepEqual(rest, {});
    assert.deepEqual(tokens!.shape, [3, 1, 4]);
    const [values] = await take(tokens!);
    assert.deepEqual([...values!], [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  }));

Deno.test("classTokens() refuses a label that is no class", () => {
  const before = tf.memory().numTensors;
  assert.throws(() => classTokens([0, 3], 3), /label 3 .*0 to 2/);
  assert.throws(() => classTokens([0.5], 3), /label 0\.5/);
  assert.equal(tf.memory().numTensors, before);
});

Deno.test("dropLabels() drops where the uniform number is below the probability", () => {
  assert.deepEqual([...dropLabels([7, 8, 9], [0.05, 0.1, 0.9], 0.1)], [-1, 8, 9]);
  assert.deepEqual([...dropLabels([7, 8], [0, 0.5], 0)], [7, 8]);
  assert.deepEqual([...dropLabels([7, 8], [0, 0.999], 1)], [-1, -1]);
});
