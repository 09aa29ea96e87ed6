import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { flatten, layoutOf, unflatten } from "../../src/tensor/params.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { take } from "./parity.ts";

await startTestEngine();

const layout = layoutOf({ "a.weight": [2, 3], "a.bias": [2], scale: [] });
const weights = () => ({
  "a.weight": tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]),
  "a.bias": tf.tensor1d([7, 8]),
  scale: tf.scalar(9),
});

Deno.test("layoutOf() keeps the order of the names and counts the numbers", () => {
  assert.deepEqual(layout.names, ["a.weight", "a.bias", "scale"]);
  assert.deepEqual(layout.sizes, [6, 2, 1]);
  assert.equal(layout.length, 9);
});

Deno.test("flatten() joins weights in the layout's order, whatever the record's", async () => {
  const [forwards] = await take(tf.tidy(() => flatten(weights(), layout)));
  assert.deepEqual([...forwards!], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const reversed = () => Object.fromEntries(Object.entries(weights()).reverse());
  const [backwards] = await take(tf.tidy(() => flatten(reversed(), layout)));
  assert.deepEqual(backwards, forwards);
});

Deno.test("unflatten() gives back what flatten() joined, by name and shape", () =>
  noLeak(async () => {
    const params = tf.tidy(() => unflatten(flatten(weights(), layout), layout));
    assert.deepEqual(Object.entries(params).map(([name, x]) => [name, x.shape]), [
      ["a.weight", [2, 3]],
      ["a.bias", [2]],
      ["scale", []],
    ]);
    const values = await Promise.all(Object.values(params).map(async (x) => [...await x.data()]));
    assert.deepEqual(values, [[1, 2, 3, 4, 5, 6], [7, 8], [9]]);
    tf.dispose(params);
  }));

Deno.test("unflatten(): the gradient is one flat vector, 0 where a weight is not used", async () => {
  const results = tf.tidy(() => {
    const used = (flat: tf.Tensor) => {
      const params = unflatten(flat, layout);
      return params["a.weight"]!.square().sum().add(params.scale!.mul(10));
    };
    const { value, grads } = vjp(used, [flatten(weights(), layout)], tf.scalar(1));
    return [value, ...grads];
  });
  assert.deepEqual((await take(...results)).map((x) => [...x]), [[181], [2, 4, 6, 8, 10, 12, 0, 0, 10]]);
});

Deno.test("unflatten() is differentiable with a single weight too", async () => {
  const single = layoutOf({ w: [2, 1] });
  const [gradient] = await take(tf.tidy(() => {
    const loss = (flat: tf.Tensor) => unflatten(flat, single).w!.square().sum();
    return vjp(loss, [tf.tensor1d([3, 4])], tf.scalar(1)).grads[0]!;
  }));
  assert.deepEqual([...gradient!], [6, 8]);
});

Deno.test("flatten() names a weight that is missing or has another shape", () => {
  tf.tidy(() => {
    const { scale, ...rest } = weights();
    assert.throws(() => flatten(rest, layout), /no weight named scale/);
    assert.throws(() => flatten({ ...rest, scale, "a.bias": tf.ones([3]) }, layout), /flatten\(\): a\.bias/);
  });
});

Deno.test("unflatten() refuses a vector of another length", () => {
  tf.tidy(() => assert.throws(() => unflatten(tf.ones([10]), layout), /has 10 numbers, the layout 9/));
});
