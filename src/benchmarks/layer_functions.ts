import * as tf from "@tensorflow/tfjs";
import { type Declarations, type Layer } from "../nn/declare.ts";
import { chain, conv2d, groupNorm, layerNorm, linear } from "../nn/layers.ts";
import { attention } from "../tensor/attention.ts";
import { geglu } from "../tensor/geglu.ts";
import type { Params } from "../tensor/params.ts";
import type { MeasuredLayer } from "./layers.ts";

/** A measured layer of inputs (in the order of their names) and weights. */
export interface LayerFunction {
  declarations: Declarations;
  apply(params: Params, inputs: readonly tf.Tensor[]): tf.Tensor;
}

const EPS = 1e-5;

/** The function that a measured layer computes; the weights of a chain's first layer are called "0.weight" and so on. */
export function layerFunction({ kind, shape, calls, groups = 1, heads = 1 }: MeasuredLayer): LayerFunction {
  const channels = shape.at(-1)!, square = { in: channels, out: channels };
  switch (kind) {
    case "conv":
      return chained(calls, (d, name) => conv2d(d, name, { ...square, kernel: 3 }));
    case "linear":
      return chained(calls, (d, name) => linear(d, name, square));
    case "group-norm-silu":
      return chained(calls, (d, name) => groupNorm(d, name, { channels, groups, eps: EPS, silu: true }));
    case "layer-norm":
      return chained(calls, (d, name) => layerNorm(d, name, { channels, eps: EPS }));
    case "geglu":
      return { declarations: {}, apply: (_, [x]) => geglu(x!) };
    case "attention":
      return { declarations: {}, apply: (_, [q, k, v]) => attention(q!, k!, v!, heads) };
  }
}

function chained(calls: number, declared: (d: Declarations, name: string) => Layer): LayerFunction {
  const declarations: Declarations = {};
  const layers = Array.from({ length: calls }, (_, i) => declared(declarations, String(i)));
  const apply = chain(...layers);
  return { declarations, apply: (params, [x]) => apply(params, x!) };
}

/** At most this many values of an output or a gradient are compared. */
const SAMPLED = 512;

/** Evenly spaced values of a tensor: what is compared of it. */
export function sampled(x: tf.Tensor): tf.Tensor1D {
  return tf.stridedSlice(x.flatten(), [0], [x.size], [Math.ceil(x.size / SAMPLED)]) as tf.Tensor1D;
}
