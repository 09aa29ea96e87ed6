import * as tf from "@tensorflow/tfjs";
import { fusedLayerNorm, normalise, normaliseBackward } from "./layer_norm.ts";
import { defineOperation } from "./operation.ts";

/**
 * Layer normalisation without weights of its own, scaled and shifted per sample: norm(x)·(1 + scale) + shift (the
 * adaptive layer norm of Peebles & Xie 2023, section 3.2), as one differentiable operation; saves x, the scale and two
 * numbers a row for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { modulatedLayerNorm } from "./modulated_layer_norm.ts";
 * await tf.setBackend("cpu");
 * const y = modulatedLayerNorm(tf.tensor3d([[[1, 2, 3]]]), tf.ones([1, 3]), tf.zeros([1, 3]), 1e-6);
 * console.log(y.arraySync()); // [[[-2.4495, 0, 2.4495]]]
 * ```
 *
 * @param x [B,N,C]
 * @param scale [B,C]
 * @param shift [B,C]
 * @param eps added to the variance
 * @returns [B,N,C]
 */
export function modulatedLayerNorm(
  x: tf.Tensor,
  scale: tf.Tensor,
  shift: tf.Tensor,
  eps: number,
): tf.Tensor {
  return MODULATED_LAYER_NORM({ x, scale, shift }, { eps });
}

const MODULATED_LAYER_NORM = defineOperation<"x" | "scale" | "shift", "mean" | "inv">({
  name: "ModulatedLayerNorm",
  differentiable: ["x", "scale", "shift"],
  saves: ["x", "scale"],
  keeps: ["mean", "inv"],
  forward: ({ x, scale, shift }, attributes) =>
    normalise(x, scale.add(1).expandDims(1), shift.expandDims(1), attributes),
  backward(inputs, attributes) {
    const factor = inputs.scale.add(1).expandDims(1); // [B,1,C]
    const mean = (v: tf.Tensor) => tf.matMul(v, factor, false, true).div(inputs.x.shape[2]!); // [B,N,1]
    const { dx, dScale } = normaliseBackward(inputs, factor, mean, (products) => products.sum(1), attributes);
    return [dx, dScale, inputs.dy.sum(1)];
  },
  fused: fusedLayerNorm({ add_one: true }),
});
