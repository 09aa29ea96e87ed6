import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type Declarations, declare, initParams, type Layer } from "../../src/nn/declare.ts";
import { chain, conv2d, depthwiseConv2d, groupNorm, layerNorm, linear } from "../../src/nn/layers.ts";
import { groupNorm as groupNormOp } from "../../src/tensor/group_norm.ts";
import { layerNorm as layerNormOp } from "../../src/tensor/layer_norm.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, take } from "../tensor/parity.ts";

await startTestEngine();

/** A layer as a function of its input and its weights in declared order. */
function asFunction(build: (d: Declarations) => Layer) {
  const d: Declarations = {}, layer = build(d), names = Object.keys(d);
  return {
    names,
    shapes: names.map((name) => [...d[name]!.shape]),
    f: (x: tf.Tensor, ...weights: tf.Tensor[]) =>
      layer(Object.fromEntries(names.map((name, i) => [name, weights[i]!])), x),
  };
}

/** PyTorch's Conv2d by its definition: a sum of matrix products, one for each place in the kernel. */
function convolution(stride: number, padding: number) {
  return (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor) => {
    const [kernel, , channels, out] = weight.shape as [number, number, number, number];
    const p: [number, number] = [padding, padding];
    const padded = x.pad([[0, 0], p, p, [0, 0]]);
    const [batch, height, width] = padded.shape as [number, number, number];
    const size: [number, number, number, number] = [batch, height - kernel + 1, width - kernel + 1, channels];
    const products = Array.from({ length: kernel * kernel }, (_, place) => {
      const [i, j] = [Math.floor(place / kernel), place % kernel];
      const tap = weight.slice([i, j, 0, 0], [1, 1, channels, out]).reshape([channels, out]);
      return tf.matMul(padded.slice([0, i, j, 0], size).reshape([-1, channels]), tap);
    });
    const full = products.reduce((a, b) => a.add(b)).reshape([...size.slice(0, 3), out]);
    const every = (n: number) => tf.range(0, n, stride).toInt();
    const y = stride === 1 ? full : full.gather(every(size[1]), 1).gather(every(size[2]), 2);
    return bias ? y.add(bias) : y;
  };
}

const CONVOLUTIONS = {
  "1×1": { in: 3, out: 4, kernel: 1 },
  "1×1 without bias": { in: 3, out: 4, kernel: 1, bias: false },
  "3×3": { in: 3, out: 4, kernel: 3 },
  "3×3 with no padding": { in: 3, out: 4, kernel: 3, padding: 0 },
  "3×3 with stride 2 and padding 1": { in: 3, out: 4, kernel: 3, stride: 2, padding: 1 },
  "2×2 patches": { in: 3, out: 4, kernel: 2, stride: 2, padding: 0 },
};

for (const [name, size] of Object.entries(CONVOLUTIONS)) {
  const { f, shapes } = asFunction((d) => conv2d(d, "conv", size));
  const { stride = 1, padding = (size.kernel - 1) / 2 } = size as { stride?: number; padding?: number };

  Deno.test(`conv2d() ${name} has the value and the gradients of PyTorch's definition`, () =>
    noLeak(() => assertSameFunction(f, convolution(stride, padding), [[2, 6, 6, 3], ...shapes].map(random))));

  Deno.test(`conv2d() ${name}: gradients agree with finite differences`, () =>
    noLeak(() => assertGradients({ shapes: [[2, 6, 6, 3], ...shapes], f })));
}

Deno.test("conv2d() with stride 2 and padding 1 halves odd sizes upwards, as PyTorch", () => {
  const { f, shapes } = asFunction((d) =>
    conv2d(d, "conv", { in: 2, out: 1, kernel: 3, stride: 2, padding: 1 })
  );
  tf.tidy(() => assert.deepEqual(f(random([1, 7, 5, 2]), ...shapes.map(random)).shape, [1, 4, 3, 1]));
});

Deno.test('conv2d() with padding "same" and stride 2 puts the odd zero behind, as TensorFlow', () => {
  const size = { in: 2, out: 3, kernel: 3, stride: 2 };
  const { f, shapes } = asFunction((d) => conv2d(d, "conv", { ...size, padding: "same" }));
  const behind = (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor) =>
    convolution(2, 0)(x.pad([[0, 0], [0, 1], [0, 1], [0, 0]]), weight, bias);
  return noLeak(async () => {
    await assertSameFunction(f, behind, [[2, 6, 4, 2], ...shapes].map(random));
    await assertSameFunction(f, convolution(2, 1), [[2, 7, 5, 2], ...shapes].map(random));
  });
});

for (const [kernel, stride, [height, width]] of [[3, 1, [5, 4]], [3, 2, [6, 5]], [5, 2, [4, 7]]] as const) {
  const { f, names, shapes } = asFunction((d) =>
    depthwiseConv2d(d, "depth", { channels: 3, kernel, stride })
  );
  // as a convolution whose kernel is 0 from each channel to the others, [k,k,C,C]
  const full = (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, weight.mul(tf.eye(3)) as tf.Tensor4D, stride, "same").add(bias!);

  Deno.test(`depthwiseConv2d() ${kernel}×${kernel} with stride ${stride} is a convolution within channels`, () => {
    assert.deepEqual(names, ["depth.weight", "depth.bias"]);
    assert.deepEqual(shapes, [[kernel, kernel, 1, 3], [3]]);
    return noLeak(() => assertSameFunction(f, full, [[2, height, width, 3], ...shapes].map(random)));
  });
}

for (const bias of [true, false]) {
  const { f, names, shapes } = asFunction((d) => linear(d, "fc", { in: 6, out: 4, bias }));
  const composed = (x: tf.Tensor, weight: tf.Tensor, offset?: tf.Tensor) => {
    const y = x.expandDims(-2).mul(weight).sum(-1); // Σ_i x_i·W_oi
    return offset ? y.add(offset) : y;
  };

  Deno.test(`linear() ${bias ? "with" : "without"} bias has the value and the gradients of x·Wᵀ + b`, async () => {
    assert.deepEqual(names, bias ? ["fc.weight", "fc.bias"] : ["fc.weight"]);
    assert.deepEqual(shapes[0], [4, 6]);
    for (const shape of [[3, 6], [2, 3, 6]]) {
      await noLeak(() => assertSameFunction(f, composed, [shape, ...shapes].map(random)));
    }
  });

  Deno.test(`linear() ${bias ? "with" : "without"} bias: gradients agree with finite differences`, () =>
    noLeak(() => assertGradients({ shapes: [[2, 3, 6], ...shapes], f })));
}

Deno.test("groupNorm() and layerNorm() are the operations on declared weights that start at 1 and 0", () => {
  const d: Declarations = {};
  const norms = [
    groupNorm(d, "group", { channels: 6, groups: 2, eps: 1e-3, silu: true }),
    layerNorm(d, "layer", { channels: 6, eps: 1e-3 }),
  ];
  assert.deepEqual(Object.keys(d), ["group.weight", "group.bias", "layer.weight", "layer.bias"]);
  return noLeak(async () => {
    const start = initParams(d, 0), x = random([1, 2, 2, 6]);
    const [scale, shift] = [tf.ones([6]), tf.zeros([6])];
    const values = await take(
      ...norms.map((norm) => norm(start, x)),
      groupNormOp(x, scale, shift, { groups: 2, eps: 1e-3, silu: true }),
      layerNormOp(x, scale, shift, 1e-3),
    );
    assertClose(values[0]!, values[2]!, { absolute: 0 });
    assertClose(values[1]!, values[3]!, { absolute: 0 });
    tf.dispose([start, x, scale, shift]);
  });
});

Deno.test("chain() applies layers in order", async () => {
  const add = (n: number): Layer => (_, x) => x.add(n), double: Layer = (_, x) => x.mul(2);
  const [y] = await take(tf.tidy(() => chain(add(1), double, add(10))({}, tf.tensor1d([0, 3]))));
  assert.deepEqual([...y!], [12, 18]);
});

Deno.test("declare() refuses a name that is taken, and its reader one that is not given", () => {
  const d: Declarations = {};
  const read = declare(d, "w", [2], { kind: "constant", value: 0 });
  assert.throws(() => declare(d, "w", [2], { kind: "constant", value: 0 }), /weight w is declared twice/);
  assert.throws(() => read({}), /no weight named w/);
});

Deno.test("initParams() draws within the bounds, the same for the same seed, apart for each name and seed", async () => {
  const d: Declarations = {};
  linear(d, "a", { in: 16, out: 200 });
  linear(d, "b", { in: 16, out: 200 });
  const first = initParams(d, 1), again = initParams(d, 1), other = initParams(d, 2);
  const [a, b, a1, a2] = await take(
    first["a.weight"]!,
    first["b.weight"]!,
    again["a.weight"]!,
    other["a.weight"]!,
  );
  tf.dispose([first, again, other]);
  assert.deepEqual(a1, a);
  assert.notDeepEqual(b, a);
  assert.notDeepEqual(a2, a);
  // uniform in ±1/√16: the largest of 3,200 is near the bound, the variance is bound²/3
  const largest = a!.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  assert.ok(largest <= 0.25 && largest > 0.249, `largest ${largest}`);
  assertClose([a!.reduce((sum, v) => sum + v * v, 0) / a!.length], [0.25 ** 2 / 3], { relative: 0.05 });
});
