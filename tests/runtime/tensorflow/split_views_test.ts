import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { memoryUse, resetPeakResident } from "../../../src/runtime/engine/memory.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();

const MIB = 2 ** 20;

Deno.test("tf.split of a vector gives its parts, on cache lines or not, also empty ones", () =>
  noLeak(() =>
    tf.tidy(() => {
      const parts = tf.split(tf.range(0, 40), [16, 3, 0, 16, 5]);
      assert.deepEqual(parts.map((part) => part.shape), [[16], [3], [0], [16], [5]]);
      assert.deepEqual(parts.flatMap((part) => [...part.dataSync()]), [...Array(40).keys()]);
    })
  ));

Deno.test("tf.split of a vector still takes a number of parts, and -1 for the rest", () =>
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2, 3, 4, 5, 6]);
    assert.deepEqual(tf.split(x, 3).map((part) => [...part.dataSync()]), [[1, 2], [3, 4], [5, 6]]);
    assert.deepEqual(tf.split(x, [2, -1]).map((part) => [...part.dataSync()]), [[1, 2], [3, 4, 5, 6]]);
  }));

Deno.test("a part outlives its vector", () => {
  const x = tf.range(0, 64), [, part] = tf.split(x, [32, 32]);
  x.dispose();
  assert.deepEqual([...part!.dataSync()], Array.from({ length: 32 }, (_, i) => 32 + i));
});

Deno.test("a compiled function's parts of a vector take no memory of their own", {
  ignore: Deno.build.os !== "linux",
}, () =>
  noLeak(() =>
    tf.tidy(() => {
      const size = 64 * MIB / 4, x: tf.Tensor1D = tf.fill([size], 1);
      const sum = compile(function sum(x: tf.Tensor) {
        const parts = tf.split(x as tf.Tensor1D, [size / 2, size / 2 - 16, 3, 13]);
        return tf.addN(parts.map((part) => part.sum()));
      });
      resetPeakResident();
      const before = memoryUse().residentBytes;
      assert.equal(sum(x).dataSync()[0], size);
      assert.ok(memoryUse().peakResidentBytes - before < 32 * MIB);
      sum.dispose();
    })
  ));
