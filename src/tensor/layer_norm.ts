import * as tf from "@tensorflow/tfjs";
import { type Attributes, defineOperation } from "./operation.ts";
import { consume, sumToLast } from "./raw_ops.ts";
import { isTapeOn } from "./tape.ts";

/**
 * Layer normalisation (Ba et al. 2016) over the last axis, as one differentiable operation; saves x, the scale and two
 * numbers a row for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { layerNorm } from "./layer_norm.ts";
 * await tf.setBackend("cpu");
 * const y = layerNorm(tf.tensor2d([[1, 2, 3]]), tf.ones([3]), tf.zeros([3]), 1e-6);
 * console.log(y.arraySync()); // [[-1.2247, 0, 1.2247]]
 * ```
 *
 * @param x [...,C]
 * @param scale factor of the normalised values [C]
 * @param shift added to them [C]
 * @param eps added to the variance
 * @returns [...,C]
 */
export function layerNorm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, eps: number): tf.Tensor {
  return LAYER_NORM({ x, scale, shift }, { eps });
}

const LAYER_NORM = defineOperation<"x" | "scale" | "shift", "mean" | "inv">({
  name: "LayerNorm",
  differentiable: ["x", "scale", "shift"],
  saves: ["x", "scale"],
  keeps: ["mean", "inv"],
  forward({ x, scale, shift }, attributes) {
    const { centred, mean, inv } = rowStatistics(x, attributes);
    const unit = consume((centred) => centred.mul(inv), centred);
    const scaled = consume((unit) => unit.mul(scale), unit);
    return [consume((scaled) => scaled.add(shift), scaled), mean, inv];
  },
  backward(inputs, attributes) {
    const { dy, x, scale } = inputs;
    const { mean, inv } = isTapeOn() ? rowStatistics(x, attributes) : inputs;
    const unit = consume((centred) => centred.mul(inv), x.sub(mean)), products = dy.mul(unit);
    const dScale = sumToLast(products), along = consume((p) => weightedMean(p, scale), products);
    const offset = weightedMean(dy, scale);
    const difference = consume(
      (own, along) => own!.sub(along!),
      dy.mul(scale),
      consume((unit) => unit.mul(along), unit),
    );
    const dUnit = consume((d) => d.sub(offset), difference);
    return [consume((d) => d.mul(inv), dUnit), dScale, sumToLast(dy)];
  },
});

/** Each row's mean and 1/√(variance + ε), [...,1], and x less its row's mean, [...,C]. */
export function rowStatistics(x: tf.Tensor, { eps }: Attributes) {
  const mean = x.mean(-1, true), centred = x.sub(mean);
  const variance = consume((square) => square.mean(-1, true), centred.square());
  return { centred, mean, inv: variance.add(eps as number).rsqrt() };
}

/** Mean over the channels of x·weights, [...,C] → [...,1], with no product of x's size. */
export function weightedMean(x: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  const channels = x.shape.at(-1)!;
  const sum = tf.matMul(x.reshape([-1, channels]), weights.reshape([channels, 1]));
  return sum.div(channels).reshape([...x.shape.slice(0, -1), 1]);
}
