import type * as tf from "@tensorflow/tfjs";
import { defineOperation } from "./operation.ts";
import { consume, sigmoidGradient } from "./raw_ops.ts";

const FACTOR = 2 * Math.sqrt(2 / Math.PI), CUBIC = 0.044715;

/** gelu(x) = x·sigmoid(u), u = 2·√(2/π)·(x + 0.044715·x³) */
const GELU_TANH = defineOperation<"x">({
  name: "GeluTanh",
  differentiable: ["x"],
  saves: ["x"],
  forward: ({ x }) => [consume((s) => x.mul(s), sigmoidOfU(x))],
  backward({ dy, x }) {
    const s = sigmoidOfU(x), chain = consume((du) => x.mul(du), quadratic(x, 3 * CUBIC)); // x·∂u/∂x
    const slope = consume((s, d) => s!.add(d!), s, consume((chain) => sigmoidGradient(s, chain), chain));
    return [consume((slope) => dy.mul(slope), slope)];
  },
});

/** sigmoid(u) */
function sigmoidOfU(x: tf.Tensor): tf.Tensor {
  return consume((u) => u.sigmoid(), consume((factor) => x.mul(factor), quadratic(x, CUBIC)));
}

/** 2·√(2/π)·(1 + c·x²) */
function quadratic(x: tf.Tensor, c: number): tf.Tensor {
  const scaled = consume((square) => square.mul(c * FACTOR), x.square());
  return consume((scaled) => scaled.add(FACTOR), scaled);
}

/**
 * GELU by its tanh approximation, x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, elementwise (Hendrycks & Gimpel 2016;
 * PyTorch's `approximate="tanh"`, transformers' `gelu_new`). Saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { geluTanh } from "./gelu_tanh.ts";
 * await tf.setBackend("cpu");
 * console.log(geluTanh(tf.tensor1d([-1, 0, 1])).arraySync()); // [-0.1588, 0, 0.8412]
 * ```
 */
export function geluTanh(x: tf.Tensor): tf.Tensor {
  return GELU_TANH({ x });
}
