import type * as tf from "@tensorflow/tfjs";
import { defineOperation } from "./operation.ts";
import { biasAdd, sumToLast } from "./raw_ops.ts";

const ADD_BIAS = defineOperation<"x" | "bias">({
  name: "AddBias",
  differentiable: ["x", "bias"],
  saves: [],
  forward: ({ x, bias }) => [biasAdd(x, bias)],
  backward: ({ dy }) => [dy.clone(), sumToLast(dy)],
});

/**
 * Adds a number to each channel; saves nothing for the backward pass.
 *
 * @param x [...,C]
 * @param bias [C]
 * @returns [...,C]
 */
export function addBias(x: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return ADD_BIAS({ x, bias });
}
