import type * as tf from "@tensorflow/tfjs";
import { siluDerivative } from "./activations.ts";
import { defineOperation } from "./operation.ts";
import { consume } from "./raw_ops.ts";

/** The factor inside the sigmoid (Hendrycks & Gimpel 2016, section 2). */
const SLOPE = 1.702;

/** x·sigmoid(a·x) = silu(a·x)/a has the derivative silu′(a·x). */
const QUICK_GELU = defineOperation<"x">({
  name: "QuickGelu",
  differentiable: ["x"],
  saves: ["x"],
  forward: ({ x }) => [consume((s) => x.mul(s), consume((u) => u.sigmoid(), x.mul(SLOPE)))],
  backward: ({ dy, x }) => [consume((slope) => dy.mul(slope), consume(siluDerivative, x.mul(SLOPE)))],
});

/**
 * GELU by its sigmoid approximation, x·sigmoid(1.702·x), elementwise (Hendrycks & Gimpel 2016; transformers'
 * `quick_gelu`). Saves x only for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { quickGelu } from "./quick_gelu.ts";
 * await tf.setBackend("cpu");
 * console.log(quickGelu(tf.tensor1d([-1, 0, 1])).arraySync()); // [-0.1542, 0, 0.8458]
 * ```
 */
export function quickGelu(x: tf.Tensor): tf.Tensor {
  return QUICK_GELU({ x });
}
