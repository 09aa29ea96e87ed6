import * as tf from "@tensorflow/tfjs";
import { fusedOp } from "./fused_op.ts";
import { defineOperation } from "./operation.ts";
import { consume, relu6Gradient, sigmoidGradient } from "./raw_ops.ts";

/** The derivative of `silu`, elementwise: s + x·s·(1−s), s = sigmoid(x). */
export function siluDerivative(x: tf.Tensor): tf.Tensor {
  return consume((s) => consume((slope) => s.add(slope), sigmoidGradient(s, x)), x.sigmoid());
}

const SILU = defineOperation<"x">({
  name: "Silu",
  differentiable: ["x"],
  saves: ["x"],
  forward: ({ x }) => [consume((s) => x.mul(s), x.sigmoid())],
  backward: ({ dy, x }) => [consume((slope) => dy.mul(slope), siluDerivative(x))],
  fused: {
    forward: ({ x }) => fusedOp("Silu", { U: "float32" }, [x], [x.shape]),
    backward: ({ dy, x }) => fusedOp("SiluGrad", {}, [x, dy], [x.shape]),
  },
});

/**
 * SiLU x·sigmoid(x), elementwise (Elfwing et al. 2018); saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { silu } from "./activations.ts";
 * await tf.setBackend("cpu");
 * console.log(silu(tf.tensor1d([-20, 0, 20])).arraySync()); // about [0, 0, 20]
 * ```
 */
export function silu(x: tf.Tensor): tf.Tensor {
  return SILU({ x });
}

/** The derivative of `gelu`, elementwise: Φ(x) + x·φ(x), from cdf = Φ(x); φ is the standard normal density. */
export function geluDerivative(x: tf.Tensor, cdf: tf.Tensor): tf.Tensor {
  return consume((slope) => cdf.add(slope), consume((density) => x.mul(density), normalDensity(x)));
}

const GELU = defineOperation<"x">({
  name: "Gelu",
  differentiable: ["x"],
  saves: ["x"],
  forward: ({ x }) => [consume((cdf) => x.mul(cdf), normalCdf(x))],
  backward: ({ dy, x }) => [
    consume((slope) => dy.mul(slope), consume((cdf) => geluDerivative(x, cdf), normalCdf(x))),
  ],
  fused: {
    forward: ({ x }) => fusedOp("Gelu", { U: "float32" }, [x], [x.shape]),
    backward: ({ dy, x }) => fusedOp("GeluGrad", {}, [x, dy], [x.shape]),
  },
});

/**
 * GELU x·Φ(x), elementwise (Hendrycks & Gimpel 2016), Φ by erf as PyTorch's default and not by its tanh approximation;
 * saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { gelu } from "./activations.ts";
 * await tf.setBackend("cpu");
 * console.log(gelu(tf.tensor1d([-1, 0, 1])).arraySync()); // [-0.1587, 0, 0.8413]
 * ```
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  return GELU({ x });
}

const RELU6 = defineOperation<"x">({
  name: "ReluUpTo6",
  differentiable: ["x"],
  saves: [],
  savesValue: true,
  forward: ({ x }) => [tf.relu6(x)],
  backward: ({ dy, y }) => [relu6Gradient(y, dy)],
});

/**
 * ReLU6 min(max(x, 0), 6), elementwise (Sandler et al. 2018); saves its value only for the backward pass. At 0 and at 6
 * the derivative is 0, as in PyTorch.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { relu6 } from "./activations.ts";
 * await tf.setBackend("cpu");
 * console.log(relu6(tf.tensor1d([-1, 2, 7])).arraySync()); // [0, 2, 6]
 * ```
 */
export function relu6(x: tf.Tensor): tf.Tensor {
  return RELU6({ x });
}

/** Φ(x), the standard normal distribution. */
export function normalCdf(x: tf.Tensor): tf.Tensor {
  const erf = consume((u) => tf.erf(u), x.mul(Math.SQRT1_2));
  return consume((twice) => twice.mul(0.5), consume((erf) => erf.add(1), erf));
}

/** φ(x), the standard normal density. */
function normalDensity(x: tf.Tensor): tf.Tensor {
  const exponential = consume((u) => u.exp(), consume((square) => square.mul(-0.5), x.square()));
  return consume((e) => e.mul(1 / Math.sqrt(2 * Math.PI)), exponential);
}
