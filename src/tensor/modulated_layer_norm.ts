import * as tf from "@tensorflow/tfjs";
import { rowStatistics } from "./layer_norm.ts";
import { defineOperation } from "./operation.ts";
import { consume } from "./raw_ops.ts";
import { isTapeOn } from "./tape.ts";

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
  forward({ x, scale, shift }, attributes) {
    const { centred, mean, inv } = rowStatistics(x, attributes);
    const unit = consume((centred) => centred.mul(inv), centred);
    const scaled = consume((unit) => unit.mul(scale.add(1).expandDims(1)), unit);
    return [consume((scaled) => scaled.add(shift.expandDims(1)), scaled), mean, inv];
  },
  backward(inputs, attributes) {
    const { dy, x } = inputs, factor = inputs.scale.add(1).expandDims(1); // [B,1,C]
    const { mean, inv } = isTapeOn() ? rowStatistics(x, attributes) : inputs;
    const weightedMean = (v: tf.Tensor) => tf.matMul(v, factor, false, true).div(x.shape[2]!); // [B,N,1]
    const unit = consume((centred) => centred.mul(inv), x.sub(mean)), products = dy.mul(unit);
    const dScale = products.sum(1), along = consume(weightedMean, products), offset = weightedMean(dy);
    const difference = consume(
      (own, along) => own!.sub(along!),
      dy.mul(factor),
      consume((unit) => unit.mul(along), unit),
    );
    const dUnit = consume((d) => d.sub(offset), difference);
    return [consume((d) => d.mul(inv), dUnit), dScale, dy.sum(1)];
  },
});
