// Runs on every engine: see on_every_engine.ts. So it reads values by `await data()`, never `dataSync()`.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { gelu, relu6, silu } from "../../../src/tensor/activations.ts";
import { attention } from "../../../src/tensor/attention.ts";
import { depthwiseConvolution } from "../../../src/tensor/depthwise_convolution.ts";
import { groupNorm } from "../../../src/tensor/group_norm.ts";
import { layerNorm } from "../../../src/tensor/layer_norm.ts";
import { resize } from "../../../src/tensor/resize.ts";
import { upsample2x } from "../../../src/tensor/upsample.ts";
import { startTestEngine } from "../../support.ts";
import { assertGradients, type Differentiable } from "./finite_differences.ts";

await startTestEngine();

const away = (x: number) => x + 0.2 * Math.sign(x); // from a kink at 0
const positive = (x: number) => 0.5 + x * x;

function conv(
  size: number,
  kernel: number,
  stride: number,
  pad: tf.backend_util.ExplicitPadding | "same" | "valid",
) {
  return {
    shapes: [[2, size, size, 3], [kernel, kernel, 3, 5]],
    f: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad),
  } satisfies Differentiable;
}

function depthwise(size: number, kernel: number, stride: number) {
  return {
    shapes: [[2, size, size - 1, 5], [kernel, kernel, 5, 1]],
    f: (x, filter) => depthwiseConvolution(x as tf.Tensor4D, filter as tf.Tensor4D, stride),
  } satisfies Differentiable;
}

function product(a: number[], b: number[], transposeA: boolean, transposeB: boolean): Differentiable {
  return { shapes: [a, b], f: (x, y) => tf.matMul(x, y, transposeA, transposeB) };
}

const FUNCTIONS: Record<string, Differentiable> = {
  "conv2d 1x1": conv(6, 1, 1, "same"),
  "conv2d 1x1, stride 2": conv(6, 1, 2, "same"),
  "conv2d 1x1, stride 2, odd size": conv(7, 1, 2, "valid"),
  "conv2d 3x3, same": conv(6, 3, 1, "same"),
  "conv2d 3x3, valid": conv(6, 3, 1, "valid"),
  "conv2d 3x3, stride 2, same": conv(8, 3, 2, "same"),
  "conv2d 3x3, stride 2, same, odd size": conv(7, 3, 2, "same"),
  "conv2d 3x3, stride 2, valid": conv(7, 3, 2, "valid"),
  "conv2d 3x3, stride 2, valid, last row unused": conv(8, 3, 2, "valid"),
  "conv2d 2x2, stride 2 (patches)": conv(6, 2, 2, "valid"),
  "conv2d of one row, 1x3": {
    shapes: [[1, 1, 8, 2], [1, 3, 2, 4]],
    f: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [1, 2], "same"),
  },
  "pad, then conv2d stride 2 (PyTorch's downsampling)": {
    shapes: [[2, 6, 6, 3], [3, 3, 3, 4]],
    f: (x, w) =>
      tf.conv2d(x.pad([[0, 0], [1, 1], [1, 1], [0, 0]]) as tf.Tensor4D, w as tf.Tensor4D, 2, "valid"),
  },
  "depthwise convolution 3x3": depthwise(6, 3, 1),
  "depthwise convolution 3x3, stride 2": depthwise(6, 3, 2),
  "depthwise convolution 5x5": depthwise(4, 5, 1),
  "depthwise convolution 5x5, stride 2": depthwise(9, 5, 2),
  "depthwise convolution 5x5 of one row, stride 2": depthwise(2, 5, 2),
  "matMul": product([3, 4], [4, 5], false, false),
  "matMul, a transposed": product([4, 3], [4, 5], true, false),
  "matMul, b transposed": product([3, 4], [5, 4], false, true),
  "matMul, both transposed": product([4, 3], [5, 4], true, true),
  "matMul, batches": product([2, 3, 4], [2, 4, 5], false, false),
  "matMul, batches, b transposed": product([2, 2, 3, 4], [2, 2, 5, 4], false, true),
  "matMul, batches, a transposed": product([2, 4, 3], [2, 4, 5], true, false),
  "linear layer (weight [out, in], bias)": {
    shapes: [[6, 4], [5, 4], [5]],
    f: (x, w, b) => tf.matMul(x, w, false, true).add(b),
  },
  "group normalisation with silu": {
    shapes: [[2, 3, 3, 8], [8], [8]],
    f: (x, scale, shift) => groupNorm(x, scale, shift, { groups: 4, eps: 1e-5, silu: true }),
  },
  "group normalisation of primitive ops": {
    shapes: [[2, 9, 4, 2]],
    f: (x) => {
      const centred = x.sub(x.mean([1, 3], true));
      return centred.mul(centred.square().mean([1, 3], true).add(1e-5).rsqrt());
    },
  },
  "layer normalisation": {
    shapes: [[3, 8], [8], [8]],
    f: (x, scale, shift) => layerNorm(x, scale, shift, 1e-5),
  },
  "attention": { shapes: [[2, 5, 8], [2, 3, 8], [2, 3, 8]], f: (q, k, v) => attention(q, k, v, 2) },
  "softmax": { shapes: [[4, 6]], f: (x) => x.softmax() },
  "log-softmax": { shapes: [[4, 6]], f: (x) => tf.logSoftmax(x) },
  "silu": { shapes: [[24]], f: silu },
  "gelu": { shapes: [[24]], f: gelu },
  "sigmoid": { shapes: [[24]], f: tf.sigmoid },
  "softplus": { shapes: [[24]], f: tf.softplus },
  "tanh": { shapes: [[24]], f: tf.tanh },
  "erf": { shapes: [[24]], f: tf.erf },
  "relu": { shapes: [[24]], f: tf.relu, domain: away },
  "relu6": { shapes: [[24]], f: (x) => relu6(x.mul(5)), domain: away },
  "leaky relu by maximum": { shapes: [[24]], f: (x) => tf.maximum(x, x.mul(0.2)), domain: away },
  "abs": { shapes: [[24]], f: tf.abs, domain: away },
  "clipByValue": { shapes: [[24]], f: (x) => x.clipByValue(-10, 10) },
  "exp": { shapes: [[24]], f: tf.exp },
  "log": { shapes: [[24]], f: tf.log, domain: positive },
  "sqrt": { shapes: [[24]], f: tf.sqrt, domain: positive },
  "rsqrt": { shapes: [[24]], f: tf.rsqrt, domain: positive },
  "square": { shapes: [[24]], f: tf.square },
  "cos and sin": { shapes: [[24]], f: (x) => x.cos().mul(x.mul(2).sin()) },
  "quotient": { shapes: [[3, 4], [3, 4]], f: (x, y) => x.div(y), domain: positive },
  "broadcast sums and products": {
    shapes: [[2, 3, 4], [1, 4], [2, 1, 1]],
    f: (x, y, z) => x.mul(y).add(z).sub(y),
  },
  "sum, mean, max over axes": {
    shapes: [[3, 4, 5]],
    f: (x) => tf.concat([x.sum([0, 2]), x.mean(1).flatten(), x.max().flatten()]),
  },
  "cumsum": { shapes: [[3, 5]], f: (x) => x.cumsum(1) },
  "pad, slice, concat": {
    shapes: [[2, 4, 4, 3], [2, 4, 4, 2]],
    f: (x, y) => tf.concat([x.pad([[0, 0], [1, 0], [0, 2], [0, 0]]).slice([0, 1, 1, 0], [2, 4, 4, 3]), y], 3),
  },
  "split and stack": {
    shapes: [[4, 6]],
    f: (x) => tf.stack(tf.split(x, 3, 1).map((part, i) => part.mul(i + 1))),
  },
  "split into unequal parts": { shapes: [[9]], f: (x) => tf.split(x, [2, 3, 4])[1]!.square() },
  "transpose and reverse": { shapes: [[2, 3, 4, 5]], f: (x) => x.transpose([0, 2, 3, 1]).reverse([1]) },
  "tile": { shapes: [[2, 3]], f: (x) => x.tile([2, 2]).mul(tf.range(0, 24).reshape([4, 6])) },
  "broadcastTo": {
    shapes: [[2, 1, 3]],
    f: (x) => tf.broadcastTo(x, [2, 4, 3]).mul(tf.range(0, 24).reshape([2, 4, 3])),
  },
  // larger than what tfjs computes on the processor in place of WebGPU
  "upsample, of what the engine computed": { shapes: [[2, 12, 12, 4]], f: (x) => upsample2x(x.mul(2)) },
  "space to depth by transpose": {
    shapes: [[2, 4, 4, 3]],
    f: (x) => x.reshape([2, 2, 2, 2, 2, 3]).transpose([0, 1, 3, 2, 4, 5]).reshape([2, 2, 2, 12]),
  },
  "resize by matrix products": {
    shapes: [[2, 6, 6, 3]],
    f: (x) => resize(x as tf.Tensor4D, [4, 9]),
  },
  "gather (embedding)": { shapes: [[7, 4]], f: (x) => tf.gather(x, tf.tensor1d([3, 0, 3, 6], "int32")) },
  "one-hot embedding": {
    shapes: [[7, 4]],
    f: (x) => tf.matMul(tf.oneHot(tf.tensor1d([3, 0, 6], "int32"), 7).toFloat(), x),
  },
  "where, by a constant condition": {
    shapes: [[6], [6]],
    f: (x, y) => tf.where(tf.tensor1d([1, 0, 0, 1, 1, 0], "bool"), x, y.square()),
  },
};

for (const [name, differentiable] of Object.entries(FUNCTIONS)) {
  Deno.test(`on ${tf.getBackend()}, the gradient of ${name} agrees with finite differences`, async () => {
    const before = tf.memory().numTensors;
    await assertGradients(differentiable);
    assert.equal(tf.memory().numTensors, before, "tensors alive after the call");
  });
}
