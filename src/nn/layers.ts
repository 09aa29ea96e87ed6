import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";
import { addBias } from "../tensor/bias.ts";
import { depthwiseConvolution } from "../tensor/depthwise_convolution.ts";
import { groupNorm as groupNormOp } from "../tensor/group_norm.ts";
import { layerNorm as layerNormOp } from "../tensor/layer_norm.ts";
import { type Declarations, declare, type Layer } from "./declare.ts";
import { rescaled } from "./int8.ts";
import { plusLowRank } from "./low_rank.ts";

const PRODUCT = { multiplies: true };

/**
 * Linear layer y = x·Wᵀ + b over the last axis: [...,in] → [...,out]. Declares `name.weight` [out,in], as PyTorch has
 * it, and `name.bias` [out] unless `bias` is false.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "./declare.ts";
 * import { linear } from "./layers.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, layer = linear(d, "fc", { in: 3, out: 5 });
 * console.log(Object.keys(d), layer(initParams(d, 0), tf.zeros([2, 7, 3])).shape); // [ "fc.weight", "fc.bias" ] [ 2, 7, 5 ]
 * ```
 */
export function linear(
  d: Declarations,
  name: string,
  size: { in: number; out: number; bias?: boolean },
): Layer {
  const bound = 1 / Math.sqrt(size.in);
  const weight = declare(d, `${name}.weight`, [size.out, size.in], { kind: "uniform", bound }, PRODUCT);
  const bias = size.bias === false
    ? null
    : declare(d, `${name}.bias`, [size.out], { kind: "uniform", bound });
  return (params, x) => {
    const rows = x.reshape([-1, size.in]);
    const project = (w: tf.Tensor) => tf.matMul(rows, w, false, true);
    const y = plusLowRank(params, name, rescaled(params, name, project(weight(params))), project);
    return (bias ? addBias(y, bias(params)) : y).reshape([...x.shape.slice(0, -1), size.out]);
  };
}

export interface Conv2DSize {
  /** Input channels. */
  in: number;
  /** Output channels. */
  out: number;
  /** Side of the (square) kernel. */
  kernel: number;
  /** Default: 1. */
  stride?: number;
  /**
   * Zeros on each side, as PyTorch's integer padding; the default, for odd kernels, keeps the size at stride 1. "same":
   * as TensorFlow's, so that H' = ⌈H/stride⌉, with the odd zero of an odd number behind.
   */
  padding?: number | "same";
  /** Default: true. */
  bias?: boolean;
}

/**
 * 2-D convolution [B,H,W,in] → [B,H',W',out], H' = ⌊(H + 2·padding − kernel)/stride⌋ + 1. Declares `name.weight`
 * [kernel,kernel,in,out] and `name.bias` [out] unless `bias` is false. A 1×1 convolution is one matrix product.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "./declare.ts";
 * import { conv2d } from "./layers.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, halve = conv2d(d, "down", { in: 4, out: 8, kernel: 3, stride: 2, padding: 1 });
 * console.log(halve(initParams(d, 0), tf.zeros([1, 14, 14, 4])).shape); // [1, 7, 7, 8]
 * ```
 */
export function conv2d(d: Declarations, name: string, size: Conv2DSize): Layer {
  const { kernel, stride = 1, padding = (kernel - 1) / 2 } = size;
  const bound = 1 / Math.sqrt(size.in * kernel * kernel);
  const shape = [kernel, kernel, size.in, size.out];
  const weight = declare(d, `${name}.weight`, shape, { kind: "uniform", bound }, PRODUCT);
  const bias = size.bias === false
    ? null
    : declare(d, `${name}.bias`, [size.out], { kind: "uniform", bound });
  return (params, x) => {
    const apply = (w: tf.Tensor) => convolve(x as tf.Tensor4D, w as tf.Tensor4D, stride, padding);
    const y = plusLowRank(params, name, rescaled(params, name, apply(weight(params))), apply);
    return bias ? addBias(y, bias(params)) : y;
  };
}

function convolve(x: tf.Tensor4D, weight: tf.Tensor4D, stride: number, padding: number | "same"): tf.Tensor {
  const [kernel, , channels, out] = weight.shape;
  if (kernel === 1 && stride === 1 && (padding === 0 || padding === "same")) {
    return tf.matMul(x.reshape([-1, channels]), weight.reshape([channels, out])).reshape([
      ...x.shape.slice(0, 3),
      out,
    ]);
  }
  if (padding === "same") return tf.conv2d(x, weight, stride, "same");
  if (stride === 1 && padding === (kernel - 1) / 2) return tf.conv2d(x, weight, 1, "same");
  const p: [number, number] = [padding, padding];
  return tf.conv2d(padding ? x.pad([[0, 0], p, p, [0, 0]]) : x, weight, stride, "valid");
}

export interface DepthwiseConv2DSize {
  channels: number;
  /** Side of the (square) kernel. */
  kernel: number;
  /** Default: 1. */
  stride?: number;
}

/**
 * 2-D convolution of each channel with a kernel of its own, [B,H,W,C] → [B,⌈H/stride⌉,⌈W/stride⌉,C], padded as TensorFlow
 * does ("same" of `conv2d`). Declares `name.weight` [kernel,kernel,1,C], in PyTorch [C,1,kernel,kernel], and `name.bias` [C].
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "./declare.ts";
 * import { depthwiseConv2d } from "./layers.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, blur = depthwiseConv2d(d, "blur", { channels: 4, kernel: 3, stride: 2 });
 * console.log(blur(initParams(d, 0), tf.zeros([1, 7, 8, 4])).shape); // [1, 4, 4, 4]
 * ```
 */
export function depthwiseConv2d(d: Declarations, name: string, size: DepthwiseConv2DSize): Layer {
  const { channels, kernel, stride = 1 } = size, bound = 1 / kernel;
  const weight = declare(d, `${name}.weight`, [kernel, kernel, 1, channels], { kind: "uniform", bound });
  const bias = declare(d, `${name}.bias`, [channels], { kind: "uniform", bound });
  return (params, x) => {
    const filter = weight(params).reshape<tf.Tensor4D>([kernel, kernel, channels, 1]);
    return addBias(depthwiseConvolution(x as tf.Tensor4D, filter, stride), bias(params));
  };
}

export interface GroupNormSize {
  channels: number;
  /** The channels must divide into them. */
  groups: number;
  /** Added to the variance. */
  eps: number;
  /** SiLU after the normalisation, in the same pass. */
  silu?: boolean;
}

/**
 * Group normalisation of [B,H,W,C] (Wu & He 2018), with SiLU behind it when asked. Declares `name.weight` [C] (the
 * factor, from 1) and `name.bias` [C] (from 0).
 */
export function groupNorm(d: Declarations, name: string, size: GroupNormSize): Layer {
  const scale = declare(d, `${name}.weight`, [size.channels], { kind: "constant", value: 1 });
  const shift = declare(d, `${name}.bias`, [size.channels], { kind: "constant", value: 0 });
  const { groups, eps, silu = false } = size;
  return (params, x) => groupNormOp(x, scale(params), shift(params), { groups, eps, silu });
}

/**
 * Layer normalisation over the last axis of [...,C] (Ba et al. 2016). Declares `name.weight` [C] (the factor, from 1)
 * and `name.bias` [C] (from 0).
 */
export function layerNorm(d: Declarations, name: string, size: { channels: number; eps: number }): Layer {
  const scale = declare(d, `${name}.weight`, [size.channels], { kind: "constant", value: 1 });
  const shift = declare(d, `${name}.bias`, [size.channels], { kind: "constant", value: 0 });
  return (params, x) => layerNormOp(x, scale(params), shift(params), size.eps);
}

/** Applies layers in order, the first one first. */
export function chain(...layers: Layer[]): (params: Params, x: tf.Tensor) => tf.Tensor {
  return (params, x) => layers.reduce((y, layer) => layer(params, y), x);
}
