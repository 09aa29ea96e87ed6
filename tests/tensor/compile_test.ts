import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { rawOp } from "../../src/runtime/tensorflow/raw_op.ts";
import { compile, type CompileOptions } from "../../src/tensor/compile.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();
const engine = { sanitizeOps: false, sanitizeResources: false };
const test = (name: string, fn: () => void | Promise<void>) => Deno.test({ name, fn, ...engine });
const tensorflowTest = (name: string, fn: () => void | Promise<void>) =>
  Deno.test({ name, fn, ignore: !onTensorflow(), ...engine });

/** Numbers that look random and are the same everywhere. */
const wave = (shape: number[], seed = 1) =>
  tf.tidy(() => tf.range(0, shape.reduce((a, b) => a * b, 1)).mul(seed + 0.7).sin().reshape(shape));

/** Calls a compiled function, checks its results against those of the function itself, and frees all. */
function assertLikeEager<A extends tf.Tensor[]>(
  name: string,
  f: (...args: A) => tf.Tensor | tf.Tensor[],
  args: A,
  options: CompileOptions = {},
): void {
  const compiled = compile(f, { name, ...options });
  const expected = tf.tidy(() => f(...args));
  for (let call = 0; call < 2; call++) {
    const actual = compiled(...args);
    const [a, e] = [actual, expected].map((x) => Array.isArray(x) ? x : [x]) as [tf.Tensor[], tf.Tensor[]];
    assert.equal(a.length, e.length, name);
    e.forEach((x, i) => assertClose(a[i]!, x, { relative: 2e-6 }));
    tf.dispose(actual);
  }
  compiled.dispose();
  tf.dispose([expected, args]);
}

test("compile() gives what the function gives, op by op", async () => {
  const image = () => wave([2, 6, 6, 3]) as tf.Tensor4D, matrix = () => wave([4, 6]);
  const indices = () => tf.tensor1d([3, 0, 2], "int32");
  const cases: [string, (x: tf.Tensor) => tf.Tensor | tf.Tensor[], () => tf.Tensor][] = [
    ["conv2d", (x) => tf.conv2d(x as tf.Tensor4D, wave([3, 3, 3, 5]) as tf.Tensor4D, 1, "same"), image],
    [
      "conv2d, stride 2",
      (x) => tf.conv2d(x as tf.Tensor4D, wave([3, 3, 3, 4]) as tf.Tensor4D, 2, "valid"),
      image,
    ],
    ["matMul", (x) => tf.matMul(x, wave([5, 6]), false, true), matrix],
    ["batched matMul", (x) => tf.matMul(x, x, true), () => wave([3, 4, 2])],
    ["softmax", (x) => tf.softmax(x), matrix],
    ["logSumExp", (x) => tf.logSumExp(x, 1), matrix],
    ["gather", (x) => tf.gather(x, indices(), 0), matrix],
    ["oneHot", (x) => tf.oneHot(x.toInt() as tf.Tensor1D, 5), indices],
    ["concat and stack", (x) => [tf.concat([x, x.neg()], 1), tf.stack([x, x], 1)], matrix],
    ["split and unstack", (x) => [...tf.split(x, [1, 2, 3], 1), ...tf.unstack(x, 0)], matrix],
    ["pad", (x) => tf.pad(x, [[1, 0], [2, 3]], 0.5), matrix],
    [
      "slice and strided slice",
      (x) => [x.slice([1, 2], [2, -1]), x.stridedSlice([0, 1], [4, 6], [2, 2])],
      matrix,
    ],
    ["transpose and reshape", (x) => x.transpose([3, 1, 0, 2]).reshape([3, -1]), image],
    ["tile and reverse", (x) => x.tile([2, 1]).reverse(0), matrix],
    [
      "where, comparison, cast",
      (x) => tf.where(x.greater(0), x, x.neg().exp()).mul(x.less(0.5).toFloat()),
      matrix,
    ],
    ["moments", (x) => Object.values(tf.moments(x, [1, 2], true)), image],
    ["norm, prod, cumsum", (x) => [x.norm("euclidean", 1), x.prod(0), x.cumsum(1)], matrix],
    ["argMax, topk", (x) => [x.argMax(1), ...Object.values(tf.topk(x, 2))], matrix],
    [
      "pooling",
      (x) => [tf.avgPool(x as tf.Tensor4D, 2, 2, "same"), tf.maxPool(x as tf.Tensor4D, 3, 1, "valid")],
      image,
    ],
    ["nearest resize", (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [12, 12]), image],
    [
      "activations",
      (x) => [tf.relu(x), tf.sigmoid(x), tf.tanh(x), tf.softplus(x), tf.erf(x), tf.elu(x)],
      matrix,
    ],
    [
      "range, linspace, eye, fill",
      (x) => x.add(tf.range(0, 6)).mul(tf.linspace(0, 1, 6)).sub(tf.fill([4, 6], 2)),
      matrix,
    ],
    ["seeded random numbers", (x) => x.add(tf.randomNormal([6], 0, 1, "float32", 3)), matrix],
  ];
  await noLeak(() => cases.forEach(([name, f, x]) => assertLikeEager(name, f, [x()])));
});

/** A small network with a layer that has its own gradient; flat weights, as in training. */
function loss(weights: tf.Tensor, images: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  const silu = tf.customGrad((x, save) => {
    const input = x as tf.Tensor;
    (save as tf.GradSaveFunc)([input]);
    return {
      value: input.mul(input.sigmoid()),
      gradFunc: (dy: tf.Tensor, [x]: tf.Tensor[]) => {
        const s = x!.sigmoid();
        return dy.mul(s.add(x!.mul(s).mul(tf.scalar(1).sub(s))));
      },
    };
  });
  const [w1, w2] = tf.split(weights, [3 * 3 * 3 * 8, 8 * 4]);
  const h = silu(tf.conv2d(images as tf.Tensor4D, w1!.reshape([3, 3, 3, 8]) as tf.Tensor4D, 1, "same"));
  return tf.matMul(h.mean([1, 2]), w2!.reshape([8, 4])).sub(targets).square().mean();
}

const trainingInputs = () => [wave([3 * 3 * 3 * 8 + 8 * 4]), wave([2, 6, 6, 3], 2), wave([2, 4], 3)] as const;
const gradients = (w: tf.Tensor, x: tf.Tensor, y: tf.Tensor) => {
  const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Scalar)([w, x, y]);
  return [value, ...grads];
};

test("compile() gives the gradient of a convolution network with tf.customGrad", async () => {
  await noLeak(() => assertLikeEager("gradients", gradients, [...trainingInputs()]));
});

tensorflowTest("compile() with XLA gives the same gradient", async () => {
  await noLeak(() => assertLikeEager("gradients", gradients, [...trainingInputs()], { xla: true }));
});

test("compile() trains: 30 steps with functional state lower the loss, with no tensor growth", async () => {
  await noLeak(() => {
    const [start, x, y] = trainingInputs();
    const step = compile((state: { w: tf.Tensor; momentum: tf.Tensor }, x: tf.Tensor, y: tf.Tensor) => {
      const { value, grads } = tf.valueAndGrads((w: tf.Tensor) => loss(w, x, y))([state.w]);
      const momentum = state.momentum.mul(0.9).add(grads[0]!);
      return { state: { w: state.w.sub(momentum.mul(0.05)), momentum }, loss: value };
    });
    let state = { w: start, momentum: tf.zerosLike(start) };
    const losses: number[] = [];
    for (let i = 0; i < 30; i++) {
      const next = step(state, x, y);
      losses.push(next.loss.dataSync()[0]!);
      tf.dispose([state, next.loss]);
      state = next.state;
    }
    assert.ok(losses[29]! < 0.9 * losses[0]!, `loss went from ${losses[0]} to ${losses[29]}`);
    step.dispose();
    tf.dispose([state, x, y]);
  });
});

test("compile() takes and returns trees; plain values among the arguments select another recording", () => {
  const f = compile((p: { a: tf.Tensor; list: [tf.Tensor, number] }, mode: string, power: number | null) => ({
    sum: p.a.add(p.list[0]).mul(p.list[1]),
    nested: [mode === "double" ? p.a.mul(2) : p.a, { mode }],
    power: power === null ? p.a : p.a.pow(power),
  }));
  tf.tidy(() => {
    const a = tf.tensor([1, 2]), b = tf.tensor([10, 20]);
    const first = f({ a, list: [b, 3] }, "double", null);
    assertClose(first.sum, [33, 66], {});
    assertClose(first.nested[0] as tf.Tensor, [2, 4], {});
    assert.deepEqual(first.nested[1], { mode: "double" });
    assertClose(first.power, [1, 2], {});
    const second = f({ a, list: [b, 0.5] }, "single", 3);
    assertClose(second.sum, [5.5, 11], {});
    assertClose(second.nested[0] as tf.Tensor, [1, 2], {});
    assertClose(second.power, [1, 8], {});
  });
  f.dispose();
});

test("compile() records per shape and dtype", () => {
  const f = compile((x: tf.Tensor) => x.add(x));
  tf.tidy(() => {
    assertClose(f(tf.tensor([1, 2])), [2, 4], {});
    assertClose(f(tf.tensor([[1], [2]])), [2, 4], {});
    assert.deepEqual(f(tf.tensor([[1], [2]])).shape, [2, 1]);
    assert.equal(f(tf.tensor([1, 2], [2], "int32")).dtype, "int32");
  });
  f.dispose();
});

test("compile() tells two arguments apart that were the same tensor when it recorded", () => {
  const f = compile((x: tf.Tensor, y: tf.Tensor) => x.sub(y));
  tf.tidy(() => {
    const x = tf.tensor([1, 2]);
    assertClose(f(x, x), [0, 0], {});
    assertClose(f(tf.tensor([5, 5]), x), [4, 3], {});
  });
  f.dispose();
});

test("compile() returns new tensors also for an argument, a captured tensor, and one result given twice", async () => {
  const outside = tf.tensor([7]);
  outside.sum().dispose();
  const f = compile((x: tf.Tensor) => {
    const y = x.mul(2);
    return [x, x, outside, y, y, tf.scalar(1)];
  });
  await noLeak(() => {
    const x = tf.tensor([1, 2]), results = f(x);
    assert.equal(new Set([x, outside, ...results].map((t) => t.id)).size, 8);
    tf.dispose(x);
    assert.deepEqual(results.map((t) => [...t.dataSync()]), [[1, 2], [1, 2], [7], [2, 4], [2, 4], [1]]);
    tf.dispose(results);
  });
  f.dispose();
  outside.dispose();
});

tensorflowTest("compile() keeps what it captured, also when that is disposed", () => {
  const small = wave([10]), large = wave([5000]); // a constant and an input of the recorded function
  const expected = tf.tidy(() => small.sum().add(large.sum()).dataSync()[0]!);
  const f = compile((x: tf.Tensor) => x.mul(small.sum().add(large.sum())));
  const x = tf.scalar(1);
  f(x).dispose();
  tf.dispose([small, large]);
  tf.tidy(() => assertClose(f(x), [expected], { relative: 1e-5, absolute: 1e-5 }));
  f.dispose();
  x.dispose();
});

test("compile() inside compile(), and inside a gradient, is part of the whole", () => {
  const square = compile((x: tf.Tensor) => x.square());
  const outer = compile((x: tf.Tensor) => tf.grad((x: tf.Tensor) => square(x).sum())(square(x)));
  tf.tidy(() => {
    const x = tf.tensor([1, 3]);
    assertClose(square(x), [1, 9], {});
    assertClose(outer(x), [2, 18], {});
    assertClose(tf.grad((x: tf.Tensor) => square(x).sum())(x), [2, 6], {});
  });
  square.dispose();
  outer.dispose();
});

test("compile().async gives the same, also when called several times at once", async () => {
  const f = compile((x: tf.Tensor) => ({ y: tf.matMul(x, x) }));
  const x = wave([64, 64]);
  const expected = f(x).y;
  const results = await Promise.all([f.async(x), f.async(x), f.async(x)]);
  for (const { y } of results) assertClose(y, expected, {});
  tf.dispose([results, expected, x]);
  f.dispose();
});

tensorflowTest("compile().async lets its arguments and itself be disposed while it runs", async () => {
  const f = compile((x: tf.Tensor) => tf.matMul(x, x).add(captured));
  const x = wave([200, 200]), captured = wave([200, 200]);
  const expected = f(x);
  const running = f.async(x);
  x.dispose();
  captured.dispose();
  f.dispose();
  const y = await running;
  assertClose(y, expected, {});
  tf.dispose([y, expected]);
});

tensorflowTest("compile() names what cannot be recorded, and leaves nothing behind", async () => {
  const variable = tf.variable(tf.ones([2]), true, "frozen"), twin = tf.variable(variable, true, "twin");
  const x = tf.tensor([1, 2]);
  x.add(variable).dispose(); // both uploaded
  const cases: [(x: tf.Tensor) => unknown, RegExp][] = [
    [(x) => x.mul(x.dataSync()[0]!), /value was read.*Return the tensor/s],
    [(x) => x.add(tf.randomNormal([2])), /Random numbers.*pass them in.*freshNormal/s],
    [(x) => x.add(twin), /reads the variables "frozen" and "twin", which share one tensor/],
    [(x) => tf.dropout(x, 0.5), /Random numbers/],
    [(x) => x.mul(Math.random()), /Random numbers/],
    [(x) => tf.unique(x as tf.Tensor1D).values, /UniqueV2: the shape of its result depends on values/],
    [(_) => 5, /returned no tensor and assigned no variable/],
    [(x) => rawOp("MatMul", {}, [x, x]), /cannot record step: MatMul: Shape must be rank 2/],
    [(x) => new Map([["x", x]]), /result of step is a Map; expected tensors/],
    [(x) => Promise.resolve(x), /result of step is a Promise/],
    [(x) => tf.grad((x: tf.Tensor) => tf.matMul(x, x))(x), /rank 2|rank/],
    [() => {
      throw new RangeError("from inside");
    }, /from inside/],
  ];
  const { binding } = backend();
  const alive = binding.getNumOfTensors();
  const random = Math.random;
  for (const [f, message] of cases) {
    const compiled = compile(f, { name: "step" });
    await noLeak(() => {
      assert.throws(() => compiled(x), message);
      assert.throws(() => compiled(x), message); // a second try meets no half-made recording
    });
    assert.equal(binding.getNumOfTensors(), alive, String(message));
  }
  assert.equal(Math.random, random);
  variable.assign(x);
  tf.tidy(() => assertClose(tf.grad((x: tf.Tensor) => x.square().sum())(x), [2, 4], {}));
  tf.dispose([x, variable, twin]);
});

tensorflowTest("compile() refuses arguments that are not trees, naming the place", () => {
  const f = compile(function step(_: unknown) {
    return tf.scalar(1);
  });
  assert.throws(
    () => f({ list: [1, new Float32Array(2)] }),
    /arguments of step\[0\]\.list\[1\] is a Float32Array/,
  );
  assert.throws(() => f(() => 1), /arguments of step\[0\] is a function/);
});

test("compile() tells constants of other shapes and signs apart", async () => {
  const f = compile((x: tf.Tensor) => [
    x.div(tf.scalar(0)),
    x.div(tf.scalar(-0)),
    x.mul(tf.ones([2])),
    x.add(tf.ones([1, 2])),
  ]);
  const results = f(tf.scalar(1));
  assert.deepEqual(results.map((y) => y.shape), [[], [], [2], [1, 2]]);
  const values = await Promise.all(results.map(async (y) => [...await y.data()]));
  assert.deepEqual(values, [[Infinity], [-Infinity], [1, 1], [2, 2]]);
  tf.dispose(results);
  f.dispose();
});
