import type * as tf from "@tensorflow/tfjs";
import { weightedMean } from "./layer_norm.ts";
import { fusedOp } from "./fused_op.ts";
import { type Attributes, defineOperation } from "./operation.ts";
import { consume, sumToLast } from "./raw_ops.ts";
import { isTapeOn } from "./tape.ts";

/**
 * Root-mean-square normalisation (Zhang & Sennrich 2019, eq. 4) over the last axis, x/√(mean(x²) + ε)·scale, as one
 * differentiable operation; saves x, the scale and one number a row for the backward pass.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { rmsNorm } from "./rms_norm.ts";
 * await tf.setBackend("cpu");
 * console.log(rmsNorm(tf.tensor2d([[3, 4]]), tf.ones([2]), 1e-6).arraySync()); // [[0.8485, 1.1314]]
 * ```
 *
 * @param x [...,C]
 * @param scale factor of the normalised values [C]
 * @param eps added to the mean square
 * @returns [...,C]
 */
export function rmsNorm(x: tf.Tensor, scale: tf.Tensor, eps: number): tf.Tensor {
  return RMS_NORM({ x, scale }, { eps });
}

const RMS_NORM = defineOperation<"x" | "scale", "inv">({
  name: "RMSNorm",
  differentiable: ["x", "scale"],
  saves: ["x", "scale"],
  keeps: ["inv"],
  forward({ x, scale }, attributes) {
    const inv = inverse(x, attributes);
    return [consume((unit) => unit.mul(scale), x.mul(inv)), inv];
  },
  backward(inputs, attributes) {
    const { dy, x, scale } = inputs, inv = isTapeOn() ? inverse(x, attributes) : inputs.inv;
    const unit = x.mul(inv), products = dy.mul(unit);
    const dScale = sumToLast(products), along = consume((p) => weightedMean(p, scale), products);
    const dUnit = consume(
      (own, along) => own!.sub(along!),
      dy.mul(scale),
      consume((unit) => unit.mul(along), unit),
    );
    return [consume((d) => d.mul(inv), dUnit), dScale];
  },
  fused: {
    forward: ({ x, scale }, attributes) =>
      fusedOp("RmsNorm", { ...attributes, U: "float32" }, [x, scale], [x.shape, [
        ...x.shape.slice(0, -1),
        1,
      ]]),
    backward: ({ x, scale, inv, dy }, attributes) =>
      fusedOp("RmsNormGrad", attributes, [x, scale, inv, dy], [x.shape, scale.shape]),
  },
});

/** 1/√(mean(x²) + ε) of each row: [...,C] → [...,1]. */
const inverse = (x: tf.Tensor, { eps }: Attributes) =>
  consume((square) => square.mean(-1, true), x.square()).add(eps as number).rsqrt();
