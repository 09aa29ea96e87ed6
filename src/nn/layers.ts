import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";
import { groupNorm as groupNormOp } from "../tensor/group_norm.ts";
import { layerNorm as layerNormOp } from "../tensor/layer_norm.ts";
import { type Declarations, declare, type Layer } from "./declare.ts";

/** y = x·Wᵀ + b over the last axis of x; weight [out, in] as in PyTorch. */
export function linear(
  d: Declarations,
  name: string,
  size: { in: number; out: number; bias?: boolean },
): Layer {
  const bound = 1 / Math.sqrt(size.in);
  const weight = declare(d, `${name}.weight`, [size.out, size.in], { kind: "uniform", bound });
  const bias = size.bias === false
    ? null
    : declare(d, `${name}.bias`, [size.out], { kind: "uniform", bound });
  return (params, x) => {
    const rows = x.reshape([-1, size.in]);
    const y = tf.matMul(rows, weight(params), false, true);
    return (bias ? y.add(bias(params)) : y).reshape([...x.shape.slice(0, -1), size.out]);
  };
}

export interface Conv2DSize {
  in: number;
  out: number;
  kernel: number;
  stride?: number;
  /** Zeros on each side; default keeps the size at stride 1. */
  padding?: number;
  bias?: boolean;
}

/** 2-D convolution of [B,H,W,in]; weight HWIO. Odd kernels; padding as PyTorch's integer padding. */
export function conv2d(d: Declarations, name: string, size: Conv2DSize): Layer {
  const { kernel, stride = 1, padding = (kernel - 1) / 2 } = size;
  const bound = 1 / Math.sqrt(size.in * kernel * kernel);
  const weight = declare(d, `${name}.weight`, [kernel, kernel, size.in, size.out], {
    kind: "uniform",
    bound,
  });
  const bias = size.bias === false
    ? null
    : declare(d, `${name}.bias`, [size.out], { kind: "uniform", bound });
  return (params, x) => {
    const y = convolve(x as tf.Tensor4D, weight(params) as tf.Tensor4D, stride, padding);
    return bias ? y.add(bias(params)) : y;
  };
}

function convolve(x: tf.Tensor4D, weight: tf.Tensor4D, stride: number, padding: number): tf.Tensor {
  const [kernel, , channels, out] = weight.shape;
  if (kernel === 1 && stride === 1 && padding === 0) {
    return tf.matMul(x.reshape([-1, channels]), weight.reshape([channels, out])).reshape([
      ...x.shape.slice(0, 3),
      out,
    ]);
  }
  if (stride === 1 && padding === (kernel - 1) / 2) return tf.conv2d(x, weight, 1, "same");
  const p: [number, number] = [padding, padding];
  return tf.conv2d(padding ? x.pad([[0, 0], p, p, [0, 0]]) : x, weight, stride, "valid");
}

export interface GroupNormSize {
  channels: number;
  groups: number;
  eps: number;
  /** SiLU after the normalisation, in the same pass. */
  silu?: boolean;
}

/** Group normalisation of [B,H,W,C], with SiLU behind it when asked. */
export function groupNorm(d: Declarations, name: string, size: GroupNormSize): Layer {
  const scale = declare(d, `${name}.weight`, [size.channels], { kind: "constant", value: 1 });
  const shift = declare(d, `${name}.bias`, [size.channels], { kind: "constant", value: 0 });
  const { groups, eps, silu = false } = size;
  return (params, x) => groupNormOp(x, scale(params), shift(params), { groups, eps, silu });
}

/** Layer normalisation over the last axis. */
export function layerNorm(d: Declarations, name: string, size: { channels: number; eps: number }): Layer {
  const scale = declare(d, `${name}.weight`, [size.channels], { kind: "constant", value: 1 });
  const shift = declare(d, `${name}.bias`, [size.channels], { kind: "constant", value: 0 });
  return (params, x) => layerNormOp(x, scale(params), shift(params), size.eps);
}

/** Applies layers in order. */
export function chain(...layers: Layer[]): (params: Params, x: tf.Tensor) => tf.Tensor {
  return (params, x) => layers.reduce((y, layer) => layer(params, y), x);
}
