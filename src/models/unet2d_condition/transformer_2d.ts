import * as tf from "@tensorflow/tfjs";
import { block } from "../../nn/checkpointing.ts";
import type { Declarations, Layer } from "../../nn/declare.ts";
import { conv2d, groupNorm, layerNorm, linear } from "../../nn/layers.ts";
import { attention } from "../../tensor/attention.ts";
import { geglu } from "../../tensor/geglu.ts";
import type { Params } from "../../tensor/params.ts";

export interface TransformerSize {
  channels: number;
  /** Attention heads; the channels must divide into them. */
  heads: number;
  /** Transformer blocks. */
  layers: number;
  /** Width of the text tokens that cross-attention reads. */
  crossAttentionDim: number;
  /** Groups of the normalisation in front. */
  groups: number;
  /** Whether the projections in and out are linear layers rather than 1×1 convolutions (a matter of weight shapes). */
  useLinearProjection: boolean;
}

/** Spatial transformer: x [B,H,W,C], tokens [B,L,crossAttentionDim] → [B,H,W,C]. */
export type SpatialTransformer = (params: Params, x: tf.Tensor, tokens: tf.Tensor) => tf.Tensor;

/**
 * diffusers' Transformer2DModel on continuous inputs, as Stable Diffusion uses it (Rombach et al. 2022): the pixels are
 * tokens that attend to each other and to the text, in a residual branch.
 */
export function transformer2d(d: Declarations, name: string, size: TransformerSize): SpatialTransformer {
  const { channels, groups } = size;
  const norm = groupNorm(d, `${name}.norm`, { channels, groups, eps: 1e-6 });
  const project = (part: string): Layer =>
    size.useLinearProjection
      ? linear(d, `${name}.${part}`, { in: channels, out: channels })
      : conv2d(d, `${name}.${part}`, { in: channels, out: channels, kernel: 1 });
  const projIn = project("proj_in");
  const blocks = Array.from(
    { length: size.layers },
    (_, i) => transformerBlock(d, `${name}.transformer_blocks.${i}`, size),
  );
  const projOut = project("proj_out");
  return (params, x, tokens) => {
    const [batch, height, width] = x.shape as [number, number, number];
    let h = projIn(params, norm(params, x)).reshape([batch, height * width, channels]);
    for (const block of blocks) h = block(params, h, tokens);
    return projOut(params, h.reshape([batch, height, width, channels])).add(x);
  };
}

/** Self-attention, cross-attention and feed-forward, each with its norm before and its residual. */
function transformerBlock(
  d: Declarations,
  name: string,
  { channels, heads, crossAttentionDim }: TransformerSize,
) {
  const norm1 = layerNorm(d, `${name}.norm1`, { channels, eps: 1e-5 });
  const attn1 = attentionLayer(d, `${name}.attn1`, { channels, heads, context: channels });
  const norm2 = layerNorm(d, `${name}.norm2`, { channels, eps: 1e-5 });
  const attn2 = attentionLayer(d, `${name}.attn2`, { channels, heads, context: crossAttentionDim });
  const norm3 = layerNorm(d, `${name}.norm3`, { channels, eps: 1e-5 });
  const ff = gegluFeedForward(d, `${name}.ff`, channels);
  return block(name, (params: Params, x: tf.Tensor, tokens: tf.Tensor) => {
    const n1 = norm1(params, x);
    let h = attn1(params, n1, n1).add(x);
    h = attn2(params, norm2(params, h), tokens).add(h);
    return ff(params, norm3(params, h)).add(h);
  });
}

function attentionLayer(
  d: Declarations,
  name: string,
  size: { channels: number; heads: number; context: number },
) {
  const { channels, heads, context } = size;
  const toQ = linear(d, `${name}.to_q`, { in: channels, out: channels, bias: false });
  const toK = linear(d, `${name}.to_k`, { in: context, out: channels, bias: false });
  const toV = linear(d, `${name}.to_v`, { in: context, out: channels, bias: false });
  const toOut = linear(d, `${name}.to_out.0`, { in: channels, out: channels });
  return (params: Params, x: tf.Tensor, context: tf.Tensor) =>
    toOut(params, attention(toQ(params, x), toK(params, context), toV(params, context), heads));
}

/** GEGLU feed-forward (Shazeer 2020): four times the width, half of it gating the other by GELU. */
function gegluFeedForward(d: Declarations, name: string, channels: number): Layer {
  const inner = 4 * channels;
  const proj = linear(d, `${name}.net.0.proj`, { in: channels, out: 2 * inner });
  const out = linear(d, `${name}.net.2`, { in: inner, out: channels });
  return (params, x) => out(params, geglu(proj(params, x)));
}
