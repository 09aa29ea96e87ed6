import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { inFloat32 } from "../../src/tensor/in_float32.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { take } from "./parity.ts";

await startTestEngine();

/** A number that bfloat16 rounds to 1. */
const FINE = 1 + 2 ** -9;

Deno.test("inFloat32() is f() where nothing is recorded", () => {
  assert.equal(inFloat32(() => 3), 3);
});

Deno.test({
  name: "inFloat32() keeps products and their gradients from being rounded, and those around it not",
  ignore: !onTensorflow(),
  fn: () =>
    noLeak(async () => {
      const x = tf.tensor2d([[1]]), w = tf.tensor2d([[FINE]]);
      const product = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x, w);
      const f = compile((x: tf.Tensor, w: tf.Tensor) =>
        [product, (x: tf.Tensor, w: tf.Tensor) => inFloat32(() => product(x, w)), product].flatMap((f) => {
          const { value, grads } = vjp((x) => f(x!, w), [x], tf.onesLike);
          return [value, grads[0]!];
        }), { precision: "bfloat16" });
      const results = (await take(...f(x, w))).map(([y]) =>
        y
      );
      assert.deepEqual(results, [1, 1, FINE, FINE, 1, 1]);
      f.dispose();
      tf.dispose([x, w]);
    }),
});

Deno.test({
  name: "inFloat32() ends where f throws",
  ignore: !onTensorflow(),
  fn: () =>
    noLeak(async () => {
      const x = tf.tensor2d([[FINE]]);
      const f = compile((x: tf.Tensor) => {
        assert.throws(() =>
          inFloat32(() => {
            throw new Error("on purpose");
          }), /on purpose/);
        return tf.matMul(x, x);
      }, { precision: "bfloat16" });
      assert.equal((await take(f(x)))[0]![0], 1);
      f.dispose();
      x.dispose();
    }),
});
