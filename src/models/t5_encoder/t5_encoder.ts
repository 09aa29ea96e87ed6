import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare, type Layer } from "../../nn/declare.ts";
import { embedding } from "../../nn/embedding.ts";
import { linear } from "../../nn/layers.ts";
import { attention } from "../../tensor/attention.ts";
import { paddingBias } from "../../tensor/attention_bias.ts";
import { geluTanh } from "../../tensor/gelu_tanh.ts";
import type { Params } from "../../tensor/params.ts";
import { rmsNorm } from "../../tensor/rms_norm.ts";
import type { Model } from "../model.ts";
import { parseT5EncoderConfig, type T5EncoderConfig } from "./config.ts";
import { relativePositionBuckets } from "./positions.ts";

export interface T5EncoderInputs {
  /** Numbers of the tokens, int32 [B,L]. */
  input_ids: tf.Tensor;
  /** [B,L], 1 for tokens, 0 for padding; diffusers' SD3 pipeline gives none. */
  attention_mask?: tf.Tensor;
}

export interface T5EncoderOutputs {
  /** After the final norm, [B,L,d_model]. */
  last_hidden_state: tf.Tensor;
  /** The embeddings, the output of every block but the last, and `last_hidden_state`, [B,L,d_model] each. */
  hidden_states: tf.Tensor[];
}

/**
 * transformers' T5EncoderModel (Raffel et al. 2020, in its first form and as of 1.1) from its `config.json`. An
 * unsupported config value is a `UserError` that names it.
 *
 * ```ts
 * import { t5Encoder } from "./t5_encoder.ts";
 * const sizes = { d_model: 64, d_kv: 16, d_ff: 128, num_layers: 2, num_heads: 4, vocab_size: 1000 };
 * const model = t5Encoder({ ...sizes, relative_attention_num_buckets: 32, feed_forward_proj: "gated-gelu" });
 * console.log(model.declarations["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"]!.shape); // [128, 64]
 * ```
 */
export function t5Encoder(
  config: Record<string, unknown>,
): Model<T5EncoderConfig, T5EncoderInputs, T5EncoderOutputs> {
  const c = parseT5EncoderConfig(config), d: Declarations = {};
  const embed = embedding(d, "shared", { count: c.vocab_size, width: c.d_model, spread: 1 });
  const positionBias = relativeBias(d, c);
  const blocks = Array.from({ length: c.num_layers }, (_, i) => block(d, c, `encoder.block.${i}`));
  const finalNorm = norm(d, c, "encoder.final_layer_norm");
  return {
    config: c,
    declarations: d,
    forward(params, { input_ids, attention_mask }) {
      const positions = positionBias(params, input_ids.shape[1]!);
      const bias = attention_mask ? positions.add(paddingBias(attention_mask)) : positions;
      const states = [embed(params, input_ids)];
      for (const layer of blocks) states.push(layer(params, states.at(-1)!, bias));
      const last_hidden_state = finalNorm(params, states.pop()!);
      return { last_hidden_state, hidden_states: [...states, last_hidden_state] };
    },
  };
}

type Block = (params: Params, x: tf.Tensor, bias: tf.Tensor) => tf.Tensor;

/** Bias of the scores by relative position, [1,heads,L,L]; the first block's table serves all blocks. */
function relativeBias(d: Declarations, c: T5EncoderConfig): (params: Params, tokens: number) => tf.Tensor {
  const count = c.relative_attention_num_buckets;
  const name = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias";
  const table = embedding(d, name, { count, width: c.num_heads, spread: c.d_model ** -0.5 });
  return (params, tokens) => {
    const buckets = relativePositionBuckets(tokens, count, c.relative_attention_max_distance);
    const values = table(params, tf.tensor2d(buckets, [tokens, tokens], "int32")); // [L,L,heads]
    return values.transpose([2, 0, 1]).expandDims(0);
  };
}

/** x + attention(norm(x)), then x + feedForward(norm(x)). */
function block(d: Declarations, c: T5EncoderConfig, name: string): Block {
  const attend = selfAttention(d, c, `${name}.layer.0.SelfAttention`);
  const norm1 = norm(d, c, `${name}.layer.0.layer_norm`);
  const feed = feedForward(d, c, `${name}.layer.1.DenseReluDense`);
  const norm2 = norm(d, c, `${name}.layer.1.layer_norm`);
  return (params, x, bias) => {
    const y = x.add(attend(params, norm1(params, x), bias));
    return y.add(feed(params, norm2(params, y)));
  };
}

/** T5 does not scale the scores. */
function selfAttention(d: Declarations, c: T5EncoderConfig, name: string): Block {
  const inner = c.num_heads * c.d_kv;
  const project = (role: string) => linear(d, `${name}.${role}`, { in: c.d_model, out: inner, bias: false });
  const query = project("q"), key = project("k"), value = project("v");
  const out = linear(d, `${name}.o`, { in: inner, out: c.d_model, bias: false });
  return (params, x, bias) => {
    const q = query(params, x), k = key(params, x), v = value(params, x);
    return out(params, attention(q, k, v, c.num_heads, { bias, scale: 1 }));
  };
}

/** W_o·relu(W_i x), or W_o·(gelu(W_i0 x)·W_i1 x). */
function feedForward(d: Declarations, c: T5EncoderConfig, name: string): Layer {
  const up = (role: string) => linear(d, `${name}.${role}`, { in: c.d_model, out: c.d_ff, bias: false });
  const wo = linear(d, `${name}.wo`, { in: c.d_ff, out: c.d_model, bias: false });
  if (c.feed_forward_proj === "relu") {
    const wi = up("wi");
    return (params, x) => wo(params, tf.relu(wi(params, x)));
  }
  const wi0 = up("wi_0"), wi1 = up("wi_1");
  return (params, x) => wo(params, geluTanh(wi0(params, x)).mul(wi1(params, x)));
}

function norm(d: Declarations, c: T5EncoderConfig, name: string): Layer {
  const scale = declare(d, `${name}.weight`, [c.d_model], { kind: "constant", value: 1 });
  return (params, x) => rmsNorm(x, scale(params), c.layer_norm_epsilon);
}
