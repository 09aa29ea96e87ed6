import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { UserError } from "../../../src/runtime/errors.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { rawOp } from "../../../src/runtime/tensorflow/raw_op.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();
const engine = { ignore: !onTensorflow(), sanitizeOps: false, sanitizeResources: false };
const test = (name: string, fn: () => void | Promise<void>) => Deno.test({ name, fn, ...engine });

test("rawOp() fills in types and list lengths", () => {
  tf.tidy(() => {
    const [sum] = rawOp("AddN", {}, [tf.tensor([1, 2]), tf.tensor([3, 4]), tf.tensor([5, 6])]);
    assertClose(sum!, [9, 12], {});
    const [joined] = rawOp("ConcatV2", {}, [tf.tensor([1]), tf.tensor([2]), tf.scalar(0, "int32")]);
    assertClose(joined!, [1, 2], {});
    assert.equal(rawOp("Shape", { out_type: "int32" }, [tf.zeros([2, 5])])[0]!.dtype, "int32");
  });
});

test("rawOp() passes every kind of attribute, lists of strings too", () => {
  tf.tidy(() => {
    const x = tf.ones([1, 2, 2, 1]) as tf.Tensor4D, w = tf.tensor4d([2], [1, 1, 1, 1]);
    const attributes = {
      num_args: 1,
      fused_ops: ["BiasAdd", "Relu"],
      strides: [1, 1, 1, 1],
      padding: "SAME",
    };
    const args = [x, w, tf.tensor1d([-1])];
    const [y] = rawOp("_FusedConv2D", { ...attributes, TArgs: ["float32"] }, args);
    assertClose(y!, [1, 1, 1, 1], {});
    const [clipped] = rawOp("LeakyRelu", { alpha: 0.25 }, [tf.tensor([-4, 4])]);
    assertClose(clipped!, [-1, 4], {});
    const [product] = rawOp("MatMul", { transpose_b: true }, [tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]])]);
    assertClose(product!, [11], {});
  });
});

test("rawOp() returns all results, tracked by tf.tidy", async () => {
  await noLeak(() => {
    tf.tidy(() => {
      const results = rawOp("Unpack", { num: 3, axis: 0 }, [tf.tensor([7, 8, 9])]);
      assert.deepEqual(results.map((t) => t.dataSync()[0]), [7, 8, 9]);
    });
  });
});

test("rawOp() records inside compile(), and differentiates inside tf.customGrad", () => {
  const silu = tf.customGrad((x: tf.Tensor | tf.GradSaveFunc, save: tf.Tensor | tf.GradSaveFunc) => {
    const input = x as tf.Tensor, s = rawOp("Sigmoid", {}, [input])[0]!;
    (save as tf.GradSaveFunc)([input, s]);
    return {
      value: input.mul(s),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        dy.mul(saved[1]!.add(rawOp("SigmoidGrad", {}, [saved[1]!, saved[0]!])[0]!)),
    };
  });
  const x = tf.tensor([-1, 0.5, 2]);
  const slope = compile((x: tf.Tensor) => tf.grad((x: tf.Tensor) => silu(x))(x));
  const expected = [-1, 0.5, 2].map((v) => {
    const s = 1 / (1 + Math.exp(-v));
    return s + v * s * (1 - s);
  });
  tf.tidy(() => assertClose(slope(x), expected, { relative: 1e-6 }));
  slope.dispose();
  x.dispose();
});

test("rawOp() names the attributes there are when one is wrong", () => {
  tf.tidy(() => {
    const x = tf.ones([2, 2]);
    assert.throws(
      () => rawOp("MatMul", { transpose: true }, [x, x]),
      (error) =>
        error instanceof UserError &&
        /no attribute "transpose".*transpose_a, transpose_b/.test(error.message),
    );
    assert.throws(() => rawOp("Cast", { DstT: "float16" }, [x]), /"float16" is not an element type/);
    assert.throws(() => rawOp("LeakyRelu", { alpha: [1] }, [x]), /alpha of LeakyRelu is a float; got \[1\]/);
    assert.throws(() => rawOp("NoSuchOp", {}, [x]), /NoSuchOp/);
  });
});

Deno.test({
  name: "rawOp() on another backend says which it needs",
  ignore: onTensorflow(),
  fn() {
    assert.throws(() => rawOp("Relu", {}, []), /needs the TensorFlow backend; the backend is "\w+"/);
  },
});
