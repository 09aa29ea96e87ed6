import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { rawOp } from "../../../src/runtime/tensorflow/raw_op.ts";
import { TensorflowError } from "../../../src/runtime/tensorflow/status.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();
const engine = { ignore: !onTensorflow(), sanitizeOps: false, sanitizeResources: false };
const test = (name: string, fn: () => void | Promise<void>) => Deno.test({ name, fn, ...engine });

const numbersOf = (f: () => tf.Tensor): ArrayLike<number> =>
  tf.tidy(() => ({ values: f().dataSync() })).values;

test("binding: ops compute what plain JavaScript computes", () => {
  const x = [-2, -0.5, 0, 1.5, 3, 0.25], y = [1, 2, 3, -4, 0.5, 8];
  const cases: [string, () => tf.Tensor, number[]][] = [
    ["add", () => tf.add(x, y), x.map((v, i) => v + y[i]!)],
    ["mul", () => tf.mul(x, y), x.map((v, i) => v * y[i]!)],
    ["div", () => tf.div(x, y), x.map((v, i) => v / y[i]!)],
    ["exp", () => tf.exp(x), x.map(Math.exp)],
    ["sigmoid", () => tf.sigmoid(x), x.map((v) => 1 / (1 + Math.exp(-v)))],
    ["sum", () => tf.sum(x), [x.reduce((a, b) => a + b)]],
    ["max over rows", () => tf.tensor2d(x, [2, 3]).max(1), [0, 3]],
    ["transpose", () => tf.tensor2d(x, [2, 3]).transpose(), [-2, 1.5, -0.5, 3, 0, 0.25]],
    [
      "matMul",
      () => tf.matMul(tf.tensor2d(x, [2, 3]), tf.tensor2d(y, [3, 2])),
      [-3.5, -2, 11.5, 0]
        .map((_, i) => [0, 1, 2].reduce((s, k) => s + x[3 * (i >> 1) + k]! * y[2 * k + (i & 1)]!, 0)),
    ],
    ["greater", () => tf.greater(x, y), x.map((v, i) => Number(v > y[i]!))],
    ["argMax", () => tf.argMax(x), [4]],
    [
      "conv2d of ones",
      () => tf.conv2d(tf.ones([1, 3, 3, 1]) as tf.Tensor4D, tf.ones([2, 2, 1, 1]) as tf.Tensor4D, 1, "valid"),
      [
        4,
        4,
        4,
        4,
      ],
    ],
  ];
  for (const [name, f, expected] of cases) {
    const actual = numbersOf(f);
    assert.equal(actual.length, expected.length, name);
    assertClose(actual, expected, { relative: 1e-6 });
  }
});

test("binding: every dtype comes back as it went in", async () => {
  const float = tf.tensor([1.5, -0], [2]), int = tf.tensor([2 ** 31 - 1, -5], [2], "int32");
  const bool = tf.tensor([true, false], [2], "bool"), empty = tf.tensor([], [0, 3]);
  const complex = tf.complex([1, 2], [3, 4]).mul(tf.complex([0, 1], [1, 0]));
  assert.deepEqual(float.reshape([2, 1]).dataSync(), Float32Array.of(1.5, -0));
  assert.deepEqual(int.reshape([2, 1]).dataSync(), Int32Array.of(2 ** 31 - 1, -5));
  assert.deepEqual(bool.logicalNot().dataSync(), Uint8Array.of(0, 1));
  assert.deepEqual(empty.add(1).shape, [0, 3]);
  assert.equal(empty.add(1).dataSync().length, 0);
  assert.deepEqual(await complex.data(), Float32Array.of(-3, 1, 2, 4)); // (1+3i)i and (2+4i)1
});

test("binding: strings of any length come back, also from a tensor that outlives its source", () => {
  const strings = ["", "short", "longer than the twenty-two bytes that are stored in place", "ε→θ"];
  const source = tf.tensor1d(strings), reshaped = source.reshape([2, 2]);
  source.dispose();
  const other = tf.tensor1d(strings.map((s) => s.replace(/./g, "x"))).reshape([4]); // reuses freed memory
  assert.deepEqual([...reshaped.dataSync<"string">()], strings);
  tf.dispose([reshaped, other]);
});

test("binding: strings leave no memory behind", () => {
  const strings = Array<string>(1000).fill("y".repeat(2000)); // 2 MB
  const once = () => tf.tidy(() => void tf.tensor1d(strings).reshape([10, 100]));
  for (let i = 0; i < 5; i++) once();
  const before = Deno.memoryUsage().rss;
  for (let i = 0; i < 400; i++) once();
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 200, `grew by ${grown.toFixed(0)} MB over 800 MB of strings`);
});

test("binding: an op that TensorFlow refuses throws TensorFlow's message, and leaves no tensor", async () => {
  const { binding } = backend();
  const x = tf.ones([2, 3]);
  x.sum().dispose(); // uploads x
  const alive = binding.getNumOfTensors();
  await noLeak(() => {
    assert.throws(
      () => rawOp("MatMul", {}, [x, x]),
      (error) =>
        error instanceof TensorflowError && error.code === 3 && /\[2,3\].*\[2,3\]/.test(error.message),
    );
    assert.throws(() => binding.executeOp("NoSuchOp", [], [], 1), /NoSuchOp/);
  });
  assert.equal(binding.getNumOfTensors(), alive);
  x.dispose();
});

test("binding: tensors of the wrong size or type are refused with numbers in the message", () => {
  const { binding } = backend();
  assert.throws(() => binding.createTensor([2, 2], 1, new Float32Array(3)), /\[2,2\] needs 4 numbers.* 3/);
  assert.throws(() => binding.createTensor([2], 3, new Float32Array(2)), /type 3 .*Float32Array/);
  assert.throws(() => binding.createTensor([3], 7, ["a"]), /\[3\] needs 3 strings, but got 1/);
});

test("binding: a disposed tensor cannot be used", () => {
  const { binding } = backend();
  const id = binding.createTensor([1], 1, Float32Array.of(1));
  binding.deleteTensor(id);
  assert.throws(() => binding.tensorDataSync(id), /no tensor with id \d+: it was disposed/);
  assert.throws(() => binding.deleteTensor(id), /it was disposed/);
});

test("binding: 200,000 ops of every kind leave no handle and no memory behind", () => {
  const { binding } = backend();
  const x = tf.ones([4]), image = tf.ones([1, 2, 2, 1]), w = tf.ones([1, 1, 1, 1]), bias = tf.ones([1]);
  const compiled = compile((x: tf.Tensor) => [x.add(1), x.square()]);
  const fused = {
    num_args: 1,
    fused_ops: ["BiasAdd", "Relu"],
    strides: [1, 1, 1, 1],
    padding: "SAME",
    TArgs: ["float32"],
  };
  const refused = [image, x];
  const round = () =>
    tf.tidy(() => {
      for (let i = 0; i < 14; i++) x.add(x);
      tf.split(x, 4); // several results
      tf.tensor([1, 2, 3]).sum().dataSync(); // up and down
      rawOp("_FusedConv2D", fused, [image, w, bias]); // every kind of attribute
      compiled(x);
      assert.throws(() => rawOp("MatMul", {}, refused), TensorflowError);
    }); // 20 ops
  for (let i = 0; i < 500; i++) round();
  const alive = binding.getNumOfTensors(), before = Deno.memoryUsage().rss;
  for (let i = 0; i < 10_000; i++) round();
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.equal(binding.getNumOfTensors(), alive);
  assert.ok(grown < 24, `grew by ${grown.toFixed(1)} MiB`); // 24 MiB: 126 bytes an op
  compiled.dispose();
  tf.dispose([x, image, w, bias]);
});

test("binding: recordings that were disposed leave no handle and little memory behind", () => {
  const { binding } = backend();
  const x = tf.ones([8]), captured = tf.ones([10_000]);
  captured.sum().dispose();
  const once = () => {
    const f = compile((x: tf.Tensor) => x.mul(captured.sum()).exp());
    f(x).dispose();
    f.dispose();
  };
  for (let i = 0; i < 50; i++) once();
  const alive = binding.getNumOfTensors(), before = Deno.memoryUsage().rss;
  for (let i = 0; i < 300; i++) once();
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.equal(binding.getNumOfTensors(), alive);
  assert.ok(grown < 24, `grew by ${grown.toFixed(1)} MiB`); // 80 KiB a recording
  tf.dispose([x, captured]);
});

test("binding: data() reads a tensor that is disposed meanwhile, and several at once", async () => {
  const x = tf.tidy(() => tf.range(0, 1000).mul(2));
  const reading = [x.data(), x.data()];
  x.dispose();
  for (const values of await Promise.all(reading)) assert.equal(values[999], 1998);
});

test("binding: an op may have thousands of results", async () => {
  await noLeak(() => {
    const parts = tf.tidy(() => tf.unstack(tf.range(0, 5000)));
    assert.equal(parts.length, 5000);
    tf.dispose(parts);
  });
});
