import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { collectGarbage, freeUnreachableTensors } from "../../../src/runtime/engine/unreachable.ts";
import { startTestEngine } from "../../support.ts";

await startTestEngine();
const early = tf.zeros([3]);
freeUnreachableTensors();

/** Runs `f` in a frame of its own, so that nothing of it stays reachable, and counts the tensors that are left of it. */
async function left(f: () => unknown): Promise<number> {
  const before = tf.memory().numTensors;
  await (async () => void await f())();
  await collectGarbage();
  return tf.memory().numTensors - before;
}

Deno.test("tensors that nothing reaches are freed, with their bytes", async () => {
  const { numBytes, numDataBuffers } = tf.memory();
  assert.equal(await left(() => tf.square(tf.zeros([1000])).data()), 0);
  assert.deepEqual([tf.memory().numBytes, tf.memory().numDataBuffers], [numBytes, numDataBuffers]);
});

Deno.test("tensors that a variable, a list or a function holds stay as they are", async () => {
  const list: tf.Tensor[] = [];
  let get = () => tf.scalar(0) as tf.Tensor;
  assert.equal(
    await left(() => {
      const inClosure = tf.tensor1d([3, 4]);
      list.push(tf.tensor1d([1, 2]));
      get = () => inClosure;
    }),
    2,
  );
  assert.deepEqual([...await list[0]!.data(), ...await get().data()], [1, 2, 3, 4]);
  tf.dispose([list, get()]);
});

Deno.test("a tensor that shares its data with one that is gone keeps its values", async () => {
  const kept: tf.Tensor[] = [];
  assert.equal(
    await left(() => void kept.push(tf.tensor1d([1, 2, 3, 4]).reshape([2, 2]), tf.zeros([2]).clone())),
    2,
  );
  assert.deepEqual([...await kept[0]!.data()], [1, 2, 3, 4]);
  tf.dispose(kept);
});

Deno.test("a disposed tensor is freed once", async () => {
  assert.equal(await left(() => tf.zeros([5]).dispose()), 0);
  assert.equal(await left(() => tf.tidy(() => tf.zeros([5]).add(1)).dispose()), 0);
});

Deno.test("variables live until they are disposed of, whatever they were assigned", async () => {
  const name = "unreachable_test";
  assert.equal(await left(() => tf.variable(tf.zeros([2]), true, name).assign(tf.tensor1d([5, 6]))), 1);
  const variable = (tf.engine().state.registeredVariables as Record<string, tf.Variable>)[name]!;
  assert.deepEqual([...await variable.data()], [5, 6]);
  variable.dispose();
});

Deno.test("a tensor whose values are being read is held until they are there", async () => {
  const before = tf.memory().numTensors;
  const reads = Array.from({ length: 20 }, (_, i) => tf.fill([1000], i).add(1).data());
  await collectGarbage();
  for (const [i, read] of reads.entries()) assert.equal((await read)[999], i + 1);
  await collectGarbage();
  assert.equal(tf.memory().numTensors, before);
});

Deno.test("gradients taken while the collector runs are right", async () => {
  const f = (x: tf.Tensor) => tf.tidy(() => x.square().mul(x).sum() as tf.Scalar);
  for (let i = 0; i < 5; i++) {
    const [gradient] = tf.grads(f)([tf.tensor1d([1, 2, 3])]);
    await collectGarbage();
    assert.deepEqual([...await gradient!.data()], [3, 12, 27]);
  }
});

Deno.test("tensors made before are left alone", async () => {
  await collectGarbage();
  assert.deepEqual([...await early.data()], [0, 0, 0]);
});

Deno.test("garbage is collected by itself when tensors take more and more memory", async () => {
  let most = 0;
  for (let i = 0; i < 40; i++) {
    tf.zeros([1e6 + i]);
    most = Math.max(most, tf.memory().numBytes);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(most < 130e6, `${most} bytes of tensors at once`);
});
