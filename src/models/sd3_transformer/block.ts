import * as tf from "@tensorflow/tfjs";
import { block } from "../../nn/checkpointing.ts";
import { type Declarations, declare, type Layer } from "../../nn/declare.ts";
import { chain, linear } from "../../nn/layers.ts";
import { attention } from "../../tensor/attention.ts";
import { geluTanh } from "../../tensor/gelu_tanh.ts";
import { modulatedLayerNorm } from "../../tensor/modulated_layer_norm.ts";
import type { Params } from "../../tensor/params.ts";
import { rmsNorm } from "../../tensor/rms_norm.ts";

const EPS = 1e-6;

export interface JointBlockSize {
  /** Attention heads. */
  heads: number;
  /** Channels of one head; a token has heads · headWidth channels C. */
  headWidth: number;
  /** Whether queries and keys are normalised. */
  qkNorm: boolean;
  /** Whether latent tokens also attend to each other alone. */
  dual: boolean;
  /** The last block: it reads the text tokens and does not give new ones. */
  last: boolean;
}

/** Tokens of the latent x [B,N,C] and of the text [B,L,C]. */
export interface Streams {
  x: tf.Tensor;
  context: tf.Tensor;
}

/**
 * The streams, the SiLU of the time and text embedding, [B,C], and what is added to the scores of the joint attention's
 * keys, [B,1,1,N+L], if anything is → the streams after the block.
 */
export type JointBlock = (
  params: Params,
  streams: Streams,
  embedding: tf.Tensor,
  bias?: tf.Tensor,
) => Streams;

/**
 * One MMDiT block (Esser et al. 2024, figure 2b; diffusers' JointTransformerBlock): latent and text tokens have weights
 * of their own and attend jointly. The last block returns the text tokens as they came.
 */
export function jointBlock(d: Declarations, name: string, size: JointBlockSize): JointBlock {
  const width = size.heads * size.headWidth;
  const modulation = modulate(d, `${name}.norm1`, width, size.dual ? 9 : 6);
  const contextModulation = modulate(d, `${name}.norm1_context`, width, size.last ? 2 : 6);
  const attend = jointAttention(d, `${name}.attn`, size);
  const attendAlone = size.dual ? selfAttention(d, `${name}.attn2`, size) : null;
  const ff = feedForward(d, `${name}.ff`, width);
  const ffContext = size.last ? null : feedForward(d, `${name}.ff_context`, width);

  /** y + gate·ff(norm(y)·(1 + scale) + shift) */
  const mlp = (ff: Layer, params: Params, y: tf.Tensor, [shift, scale, gate]: tf.Tensor[]) =>
    y.add(ff(params, modulatedLayerNorm(y, scale!, shift!, EPS)).mul(gate!.expandDims(1)));

  /** Latent tokens; behind them, but for the last block, text tokens. */
  const tokens = block(name, (
    params,
    x: tf.Tensor,
    context: tf.Tensor,
    embedding: tf.Tensor,
    bias: tf.Tensor | undefined,
  ) => {
    const m = modulation(params, embedding), c = contextModulation(params, embedding);
    // diffusers' continuous norm has the scale first, the gated ones the shift
    const [contextShift, contextScale] = size.last ? [c[1]!, c[0]!] : [c[0]!, c[1]!];
    const attended = attend(
      params,
      modulatedLayerNorm(x, m[1]!, m[0]!, EPS),
      modulatedLayerNorm(context, contextScale, contextShift, EPS),
      bias,
    );
    let y = x.add(attended.x.mul(m[2]!.expandDims(1)));
    if (attendAlone) {
      const alone = attendAlone(params, modulatedLayerNorm(x, m[7]!, m[6]!, EPS));
      y = y.add(alone.mul(m[8]!.expandDims(1)));
    }
    y = mlp(ff, params, y, m.slice(3, 6));
    if (!ffContext) return y;
    const contextY = context.add(attended.context!.mul(c[2]!.expandDims(1)));
    return tf.concat([y, mlp(ffContext, params, contextY, c.slice(3, 6))], 1);
  });
  return (params, { x, context }, embedding, bias) => {
    const y = tokens(params, x, context, embedding, bias);
    if (size.last) return { x: y, context };
    const [latent, text] = tf.split(y, [x.shape[1]!, context.shape[1]!], 1) as [tf.Tensor, tf.Tensor];
    return { x: latent, context: text };
  };
}

/** The final adaptive norm (diffusers' AdaLayerNormContinuous): [B,N,C] → [B,N,C]. */
export function adaptiveNorm(d: Declarations, name: string, width: number) {
  const modulation = modulate(d, name, width, 2);
  return (params: Params, x: tf.Tensor, embedding: tf.Tensor) => {
    const [scale, shift] = modulation(params, embedding);
    return modulatedLayerNorm(x, scale!, shift!, EPS);
  };
}

/** The embedding [B,C] → `count` vectors [B,C] of shifts, scales and gates. */
function modulate(d: Declarations, name: string, width: number, count: number) {
  const project = linear(d, `${name}.linear`, { in: width, out: count * width });
  return (params: Params, embedding: tf.Tensor) => tf.split(project(params, embedding), count, -1);
}

/** Queries, keys and values [B,N,C] of one stream; queries and keys normalised per head if the model does that. */
function projections(
  d: Declarations,
  size: JointBlockSize,
  names: Record<"q" | "k" | "v" | "normQ" | "normK", string>,
) {
  const { heads, headWidth } = size, width = heads * headWidth;
  const project = (name: string) => linear(d, name, { in: width, out: width });
  const q = project(names.q), k = project(names.k), v = project(names.v);
  const norm = (name: string): Layer => {
    if (!size.qkNorm) return (_, x) => x;
    const scale = declare(d, `${name}.weight`, [headWidth], { kind: "constant", value: 1 });
    return (params, x) =>
      rmsNorm(x.reshape([...x.shape.slice(0, -1), heads, headWidth]), scale(params), EPS).reshape(x.shape);
  };
  return { q: chain(q, norm(names.normQ)), k: chain(k, norm(names.normK)), v };
}

function latentProjections(d: Declarations, name: string, size: JointBlockSize) {
  const part = (suffix: string) => `${name}.${suffix}`;
  return projections(d, size, {
    q: part("to_q"),
    k: part("to_k"),
    v: part("to_v"),
    normQ: part("norm_q"),
    normK: part("norm_k"),
  });
}

function selfAttention(d: Declarations, name: string, size: JointBlockSize): Layer {
  const width = size.heads * size.headWidth;
  const { q, k, v } = latentProjections(d, name, size);
  const out = linear(d, `${name}.to_out.0`, { in: width, out: width });
  return (params, x) => out(params, attention(q(params, x), k(params, x), v(params, x), size.heads));
}

/** Latent and text tokens attend to both; in the last block the text tokens only are attended to. */
function jointAttention(d: Declarations, name: string, size: JointBlockSize) {
  const width = size.heads * size.headWidth;
  const own = latentProjections(d, name, size);
  const text = projections(d, size, {
    q: `${name}.add_q_proj`,
    k: `${name}.add_k_proj`,
    v: `${name}.add_v_proj`,
    normQ: `${name}.norm_added_q`,
    normK: `${name}.norm_added_k`,
  });
  const out = linear(d, `${name}.to_out.0`, { in: width, out: width });
  const outText = size.last ? null : linear(d, `${name}.to_add_out`, { in: width, out: width });
  return (
    params: Params,
    x: tf.Tensor,
    context: tf.Tensor,
    bias?: tf.Tensor,
  ): { x: tf.Tensor; context?: tf.Tensor } => {
    const joined = (own: Layer, text: Layer) => tf.concat([own(params, x), text(params, context)], 1);
    const k = joined(own.k, text.k), v = joined(own.v, text.v);
    if (!outText) return { x: out(params, attention(own.q(params, x), k, v, size.heads, { bias })) };
    const seen = attention(joined(own.q, text.q), k, v, size.heads, { bias });
    const [seenX, seenContext] = tf.split(seen, [x.shape[1]!, context.shape[1]!], 1) as [
      tf.Tensor,
      tf.Tensor,
    ];
    return { x: out(params, seenX), context: outText(params, seenContext) };
  };
}

function feedForward(d: Declarations, name: string, width: number): Layer {
  const first = linear(d, `${name}.net.0.proj`, { in: width, out: 4 * width });
  const second = linear(d, `${name}.net.2`, { in: 4 * width, out: width });
  return (params, x) => second(params, geluTanh(first(params, x)));
}
