import * as tf from "@tensorflow/tfjs";
import { fusedOp } from "./fused_op.ts";
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
  forward: ({ x, scale, shift }, attributes) => normalise(x, scale, shift, attributes),
  backward(inputs, attributes) {
    const mean = (v: tf.Tensor) => weightedMean(v, inputs.scale);
    const { dx, dScale } = normaliseBackward(inputs, inputs.scale, mean, sumToLast, attributes);
    return [dx, dScale, sumToLast(inputs.dy)];
  },
  fused: fusedLayerNorm({ add_one: false }),
});

/** Layer normalisation by this project's kernels. @param add_one whether the factor is 1 + scale */
export function fusedLayerNorm(variant: { add_one: boolean }) {
  type Inputs<Name extends string> = Record<Name, tf.Tensor>;
  return {
    forward({ x, scale, shift }: Inputs<"x" | "scale" | "shift">, attributes: Attributes): tf.Tensor[] {
      const statistic = [...x.shape.slice(0, -1), 1];
      const shapes = [x.shape, statistic, statistic];
      return fusedOp("LayerNorm", { ...attributes, ...variant, U: "float32" }, [x, scale, shift], shapes);
    },
    backward(
      { x, scale, mean, inv, dy }: Inputs<"x" | "scale" | "mean" | "inv" | "dy">,
      attributes: Attributes,
    ): tf.Tensor[] {
      const shapes = [x.shape, scale.shape, scale.shape];
      return fusedOp("LayerNormGrad", { ...attributes, ...variant }, [x, scale, mean, inv, dy], shapes);
    },
  };
}

/**
 * (x − mean)/√(variance + ε)·factor + shift over the last axis.
 *
 * @param factor and @param shift broadcast to x
 * @returns the value, and what the backward pass keeps: each row's mean and 1/√(variance + ε)
 */
export function normalise(x: tf.Tensor, factor: tf.Tensor, shift: tf.Tensor, attributes: Attributes) {
  const { centred, mean, inv } = rowStatistics(x, attributes);
  const unit = consume((centred) => centred.mul(inv), centred);
  const scaled = consume((unit) => unit.mul(factor), unit);
  return [consume((scaled) => scaled.add(shift), scaled), mean, inv];
}

/**
 * The gradients of `normalise` with respect to x and to the factor.
 *
 * @param weightedMean mean over the channels of v·factor, [...,C] → [...,1]
 * @param ofFactor sums dy times the normalised values to the factor's own shape
 */
export function normaliseBackward(
  inputs: Record<"dy" | "x" | "mean" | "inv", tf.Tensor>,
  factor: tf.Tensor,
  weightedMean: (v: tf.Tensor) => tf.Tensor,
  ofFactor: (products: tf.Tensor) => tf.Tensor,
  attributes: Attributes,
): { dx: tf.Tensor; dScale: tf.Tensor } {
  const { dy, x } = inputs, { mean, inv } = isTapeOn() ? rowStatistics(x, attributes) : inputs;
  const unit = consume((centred) => centred.mul(inv), x.sub(mean)), products = dy.mul(unit);
  const dScale = ofFactor(products), along = consume(weightedMean, products), offset = weightedMean(dy);
  const difference = consume(
    (own, along) => own!.sub(along!),
    dy.mul(factor),
    consume((unit) => unit.mul(along), unit),
  );
  const dUnit = consume((d) => d.sub(offset), difference);
  return { dx: consume((d) => d.mul(inv), dUnit), dScale };
}

/** Each row's mean and 1/√(variance + ε), [...,1], and x less its row's mean, [...,C]. */
function rowStatistics(x: tf.Tensor, { eps }: Attributes) {
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
