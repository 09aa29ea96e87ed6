import type * as tf from "@tensorflow/tfjs";
import { block } from "../nn/checkpointing.ts";
import type { Declarations, Layer } from "../nn/declare.ts";
import { conv2d, groupNorm, linear } from "../nn/layers.ts";
import type { Params } from "../tensor/params.ts";
import { upsample2x } from "../tensor/upsample.ts";

export interface ResnetSize {
  /** Input channels. */
  in: number;
  /** Output channels. */
  out: number;
  /** Width of the time embedding; null for blocks without one. */
  temb: number | null;
  /** Groups of the normalisations; both channel counts must divide into them. */
  groups: number;
  /** Added to the variances. */
  eps: number;
}

/** A residual block: x [B,H,W,in] and silu(time embedding) [B,temb], or null for blocks without one → [B,H,W,out]. */
export type ResnetBlock = (params: Params, x: tf.Tensor, activatedTemb: tf.Tensor | null) => tf.Tensor;

/**
 * diffusers' ResnetBlock2D: norm, SiLU, convolution, plus the projected time embedding, norm, SiLU, convolution, plus
 * the input (through a 1×1 convolution where the channels change).
 */
export function resnetBlock(d: Declarations, name: string, size: ResnetSize): ResnetBlock {
  const { groups, eps } = size;
  const norm1 = groupNorm(d, `${name}.norm1`, { channels: size.in, groups, eps, silu: true });
  const conv1 = conv2d(d, `${name}.conv1`, { in: size.in, out: size.out, kernel: 3 });
  const time = size.temb === null
    ? null
    : linear(d, `${name}.time_emb_proj`, { in: size.temb, out: size.out });
  const norm2 = groupNorm(d, `${name}.norm2`, { channels: size.out, groups, eps, silu: true });
  const conv2 = conv2d(d, `${name}.conv2`, { in: size.out, out: size.out, kernel: 3 });
  const shortcut = size.in === size.out
    ? null
    : conv2d(d, `${name}.conv_shortcut`, { in: size.in, out: size.out, kernel: 1 });
  return block(name, (params, x, activatedTemb) => {
    let h = conv1(params, norm1(params, x));
    if (time && activatedTemb) h = h.add(time(params, activatedTemb).reshape([-1, 1, 1, size.out]));
    h = conv2(params, norm2(params, h));
    return h.add(shortcut ? shortcut(params, x) : x);
  });
}

/**
 * Halves height and width, [B,H,W,C] → [B,⌈H/2⌉,⌈W/2⌉,C], by a convolution of stride 2 (diffusers' Downsample2D).
 */
export function downsample(d: Declarations, name: string, channels: number): Layer {
  return conv2d(d, `${name}.conv`, { in: channels, out: channels, kernel: 3, stride: 2, padding: 1 });
}

/**
 * The same with zeros below and on the right only, [B,H,W,C] → [B,⌊H/2⌋,⌊W/2⌋,C] (diffusers' Downsample2D of padding
 * 0, as autoencoders have it).
 */
export function downsamplePaddedAtEnd(d: Declarations, name: string, channels: number): Layer {
  const conv = conv2d(d, `${name}.conv`, { in: channels, out: channels, kernel: 3, stride: 2, padding: 0 });
  return (params, x) => conv(params, x.pad([[0, 0], [0, 1], [0, 1], [0, 0]]));
}

/** Doubles height and width, [B,H,W,C] → [B,2H,2W,C], by repetition, then a convolution (diffusers' Upsample2D). */
export function upsample(d: Declarations, name: string, channels: number): Layer {
  const conv = conv2d(d, `${name}.conv`, { in: channels, out: channels, kernel: 3 });
  return (params, x) => conv(params, upsample2x(x));
}
