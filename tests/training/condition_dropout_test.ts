import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { dropCondition } from "../../src/training/condition_dropout.ts";
import { noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

Deno.test("dropCondition(): the share of samples that is asked for, whole samples, and only what the null condition names", () =>
  noLeak(() => {
    const n = 2000, condition = { tokens: tf.ones([n, 2, 3]), sizes: tf.ones([n, 4]) };
    const none = { tokens: tf.zeros([1, 2, 3]) }, draw = { share: 0.3, seed: 1, step: 2 };
    const { tokens, sizes } = dropCondition(condition, none, draw);
    const ofEach = tf.tidy(() => tokens!.sum([1, 2]).dataSync());
    assert.ok(ofEach.every((value) => value === 0 || value === 6));
    const dropped = ofEach.filter((value) => value === 0).length / n;
    assert.ok(Math.abs(dropped - 0.3) < 0.04, `${dropped}`);
    assert.ok(sizes!.dataSync().every((value) => value === 1));
    const again = dropCondition(condition, none, draw),
      other = dropCondition(condition, none, { ...draw, step: 3 });
    assert.deepEqual(again.tokens!.dataSync(), tokens!.dataSync());
    assert.notDeepEqual(other.tokens!.dataSync(), tokens!.dataSync());
    const all = dropCondition(condition, {}, { ...draw, share: 0 });
    assert.deepEqual(all.tokens!.dataSync(), condition.tokens.dataSync());
    tf.dispose([condition, none, { tokens, sizes }, again, other, all]);
  }));
