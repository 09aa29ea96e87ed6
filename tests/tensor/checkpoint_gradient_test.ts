import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { checkpointed } from "../../src/tensor/checkpoint_gradient.ts";
import type { Params } from "../../src/tensor/params.ts";
import { valueAndGrad } from "../../src/tensor/vjp.ts";
import { noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

const block = (p: Params, x: tf.Tensor) => tf.matMul(x, p.w!).add(p.b!).tanh().mul(x.sigmoid()).softmax();
const weights = (count: number): Params[] =>
  Array.from({ length: count }, (_, i) => ({
    w: tf.linspace(-1, 1 + i, 36).reshape([6, 6]),
    b: tf.linspace(0, 0.1 * i, 6),
  }));

/** Loss and gradients (x first) through a chain of blocks, and the tensors alive when the loss is computed. */
function chain(step: typeof block, layers: Params[], x: tf.Tensor) {
  let live = 0;
  const flat = layers.flatMap((p) => [p.w!, p.b!]);
  const before = tf.memory().numTensors;
  const result = valueAndGrad((x, ...flat) => {
    let y = x;
    for (let i = 0; i < layers.length; i++) y = step({ w: flat[2 * i]!, b: flat[2 * i + 1]! }, y);
    live = tf.memory().numTensors - before;
    return y.square().sum();
  }, [x, ...flat]);
  return { ...result, live };
}

Deno.test("checkpointed() gives the gradients of the plain function bit for bit", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      const layers = weights(4), x = tf.linspace(-2, 2, 18).reshape([3, 6]);
      const plain = chain(block, layers, x), saving = chain(checkpointed(block), layers, x);
      assert.deepEqual(saving.value.dataSync(), plain.value.dataSync());
      assert.equal(plain.grads.length, 9);
      plain.grads.forEach((g, i) =>
        assert.deepEqual(saving.grads[i]!.dataSync(), g.dataSync(), `gradient ${i}`)
      );
    })
  );
});

Deno.test("checkpointed() keeps only the inputs of each block", () => {
  tf.tidy(() => {
    const layers = weights(10), x = tf.linspace(-2, 2, 18).reshape([3, 6]);
    const plain = chain(block, layers, x).live, saving = chain(checkpointed(block), layers, x).live;
    assert.ok(saving < 0.5 * plain, `${saving} tensors alive instead of ${plain}`);
  });
});

Deno.test("checkpointed() may be nested, and gives zeros to an argument f does not use", () => {
  tf.tidy(() => {
    const layers = weights(2), x = tf.linspace(-1, 1, 12).reshape([2, 6]), unused = tf.ones([3]);
    const inner = checkpointed(block);
    const outer = checkpointed((p: Params, x: tf.Tensor, _unused: tf.Tensor) => inner(p, inner(p, x)));
    const f = (w: tf.Tensor, x: tf.Tensor) => {
      const p = { w, b: layers[1]!.b! };
      return block(p, block(p, x)).square().sum();
    };
    const g = (w: tf.Tensor, x: tf.Tensor, u: tf.Tensor) =>
      outer({ w, b: layers[1]!.b! }, x, u).square().sum();
    const expected = valueAndGrad(f, [layers[1]!.w!, x]),
      actual = valueAndGrad(g, [layers[1]!.w!, x, unused]);
    assert.deepEqual(actual.grads[0]!.dataSync(), expected.grads[0]!.dataSync());
    assert.deepEqual(actual.grads[1]!.dataSync(), expected.grads[1]!.dataSync());
    assert.deepEqual([...actual.grads[2]!.dataSync()], [0, 0, 0]);
  });
});

Deno.test("checkpointed() computes no gradient of arguments that need none", () => {
  tf.tidy(() => {
    const frozen = tf.tensor1d([1, 2, 3]), place = tf.tensor2d([[0], [2]], [2, 1], "int32");
    // tfjs has no gradient of gatherND: asked for it, the backward pass would throw
    const f = checkpointed((p: Params, x: tf.Tensor) => x.mul(tf.gatherND(p.frozen!, place)).add(p.w!));
    const { grads } = valueAndGrad((x, w) => f({ frozen, w }, x).sum(), [tf.tensor1d([4, 5]), tf.scalar(0)]);
    assert.deepEqual([...grads[0]!.dataSync()], [1, 3]);
    assert.equal(grads[1]!.dataSync()[0], 2);
    assert.throws(
      () =>
        valueAndGrad((frozen, x) => f({ frozen, w: tf.scalar(0) }, x).sum(), [frozen, tf.tensor1d([4, 5])]),
      /GatherNd has no gradient/,
    );
  });
});
