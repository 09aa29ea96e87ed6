import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare, type Layer } from "../../nn/declare.ts";
import { chain } from "../../nn/layers.ts";

/** ε of the batch normalisations. */
const EPSILON = 1e-3;

/** A convolution: its name, its output channels, its kernel; "halve": stride 2, no padding. Default: "same". */
export type Conv = readonly [
  name: string,
  out: number,
  height: number,
  width: number,
  how?: "same" | "valid" | "halve",
];

/** Convolutions in a row, each with batch normalisation by stored statistics and ReLU. */
export function convolutions(
  d: Declarations,
  prefix: string,
  channels: number,
  steps: readonly Conv[],
): Layer {
  return chain(
    ...steps.map((step, i) => convolution(d, prefix, i === 0 ? channels : steps[i - 1]![1], step)),
  );
}

/** Layers side by side, their channels joined in this order. */
export function branches(...layers: Layer[]): Layer {
  return (params, x) => tf.concat(layers.map((layer) => layer(params, x)), 3);
}

/** 3×3, stride 1; pixels of the padding are not counted. */
export const averagePool: Layer = (_, x) => tf.avgPool(x as tf.Tensor4D, 3, 1, "same");

/** 3×3; "halve": stride 2, no padding; "same": stride 1. */
export function maxPool(how: "same" | "halve"): Layer {
  return (_, x) =>
    how === "halve"
      ? tf.maxPool(x as tf.Tensor4D, 3, 2, "valid")
      : tf.maxPool(x as tf.Tensor4D, 3, 1, "same");
}

/** γ·(W∗x − μ)/√(σ² + ε) + β, as one convolution by scaled weights, then ReLU. */
function convolution(d: Declarations, prefix: string, channels: number, conv: Conv): Layer {
  const [step, out, height, width, how = "same"] = conv, name = `${prefix}${step}`;
  const bound = 1 / Math.sqrt(channels * height * width);
  const weight = declare(d, `${name}.conv.weight`, [height, width, channels, out], {
    kind: "uniform",
    bound,
  });
  const [gamma, beta, mean, variance] = (["weight", "bias", "running_mean", "running_var"] as const).map(
    (role) => {
      const value = role === "weight" || role === "running_var" ? 1 : 0;
      return declare(d, `${name}.bn.${role}`, [out], { kind: "constant", value });
    },
  );
  const stride = how === "halve" ? 2 : 1, padding = how === "same" ? "same" : "valid";
  return (params, x) => {
    const scale = gamma!(params).div(variance!(params).add(EPSILON).sqrt());
    const shift = beta!(params).sub(mean!(params).mul(scale));
    const scaled = weight(params).mul(scale) as tf.Tensor4D;
    return tf.conv2d(x as tf.Tensor4D, scaled, stride, padding).add(shift).relu();
  };
}
