import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { addBias } from "../../src/tensor/bias.ts";
import { compile } from "../../src/tensor/compile.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, startTestEngine } from "../support.ts";
import { random, savedBytes, take } from "./parity.ts";

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

Deno.test("addBias() gives its gradient as tfjs computes it, for few channels and many, rows and none", async () => {
  for (const shape of [[1, 1], [7, 3], [2, 5, 5, 33], [3000, 17], [2, 4, 4, 640], [0, 5]]) {
    const channels = shape.at(-1)!, x = random(shape), dy = random(shape, 1), bias = random([channels], 2);
    const [value, gradient, expected] = await take(...tf.tidy(() => {
      const { value, grads } = vjp((x, bias) => addBias(x, bias), [x, bias], dy);
      assert.equal(grads[0]!.shape.join(), shape.join());
      return [value.sub(x.add(bias)).abs().sum(), grads[1]!, dy.reshape([-1, channels]).sum(0)];
    }));
    assert.equal(value![0], 0);
    assertClose(gradient!, expected!, { relative: 1e-5 });
    tf.dispose([x, dy, bias]);
  }
});

Deno.test({
  name: "in bfloat16 a bias is added where the product is, and its gradient adds up in float32",
  ignore: !onTensorflow(),
  async fn() {
    const x = tf.ones([4096, 1]), one = tf.ones([1, 1]), bias = tf.tensor1d([2 ** -12]);
    const f = compile((x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) => {
      const { value, grads } = vjp((bias) => addBias(tf.matMul(x, w), bias), [bias], (y) => tf.matMul(y, w));
      return [value.max(), grads[0]!];
    }, { precision: "bfloat16" });
    assert.deepEqual((await take(...f(x, one, bias))).map((values) => values[0]), [1, 4096]);
    f.dispose();
    tf.dispose([x, one, bias]);
  },
});
