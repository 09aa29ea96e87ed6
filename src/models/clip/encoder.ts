import type * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import { layerNorm, linear } from "../../nn/layers.ts";
import { gelu } from "../../tensor/activations.ts";
import { attention } from "../../tensor/attention.ts";
import type { Params } from "../../tensor/params.ts";
import { quickGelu } from "../../tensor/quick_gelu.ts";
import type { ConfigReader } from "../config_reader.ts";

/** What CLIP's text and vision transformers have in common. */
export interface ClipEncoderConfig {
  hidden_size: number;
  /** Width of the MLP. */
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  hidden_act: "quick_gelu" | "gelu";
  layer_norm_eps: number;
  /** Spread of the start values of the tables. */
  initializer_range: number;
}

/** Tokens [B,N,C] and the bias of the attention scores ([B,1,N,N] or sizes of 1; null: none) → tokens [B,N,C]. */
export type ClipLayer = (params: Params, x: tf.Tensor, bias: tf.Tensor | null) => tf.Tensor;

/** Reads the common part of a `config.json`; sizes must be there. */
export function readClipEncoder(read: ConfigReader): ClipEncoderConfig {
  return {
    hidden_size: read.integer("hidden_size"),
    intermediate_size: read.integer("intermediate_size"),
    num_hidden_layers: read.layers("num_hidden_layers"),
    num_attention_heads: read.integer("num_attention_heads"),
    hidden_act: read.oneOf("hidden_act", ["quick_gelu", "gelu"]),
    layer_norm_eps: read.positive("layer_norm_eps", 1e-5),
    initializer_range: read.positive("initializer_range", 0.02),
  };
}

/** What does not fit together in the common part. */
export function clipEncoderMisfits({ hidden_size, num_attention_heads: heads }: ClipEncoderConfig): string[] {
  return hidden_size % heads === 0
    ? []
    : [`hidden_size: expected a multiple of num_attention_heads (${heads}), got ${hidden_size}`];
}

/**
 * CLIP's pre-norm transformer (Radford et al. 2021): the layers `name.layers.0`, `name.layers.1`, …
 *
 * @returns tokens [B,N,C] and the bias → the tokens given and the output of every layer, [B,N,C] each
 */
export function clipEncoder(
  d: Declarations,
  c: ClipEncoderConfig,
  name: string,
): (params: Params, x: tf.Tensor, bias: tf.Tensor | null) => tf.Tensor[] {
  const layers = Array.from(
    { length: c.num_hidden_layers },
    (_, i) => clipLayer(d, c, `${name}.layers.${i}`),
  );
  return (params, x, bias) => {
    const states = [x];
    for (const layer of layers) states.push(layer(params, states.at(-1)!, bias));
    return states;
  };
}

/** x + attention(norm₁(x)), then x + mlp(norm₂(x)). */
function clipLayer(d: Declarations, c: ClipEncoderConfig, name: string): ClipLayer {
  const norm = { channels: c.hidden_size, eps: c.layer_norm_eps };
  const norm1 = layerNorm(d, `${name}.layer_norm1`, norm);
  const attend = selfAttention(d, c, `${name}.self_attn`);
  const norm2 = layerNorm(d, `${name}.layer_norm2`, norm);
  const fc1 = linear(d, `${name}.mlp.fc1`, { in: c.hidden_size, out: c.intermediate_size });
  const fc2 = linear(d, `${name}.mlp.fc2`, { in: c.intermediate_size, out: c.hidden_size });
  const activation = c.hidden_act === "gelu" ? gelu : quickGelu;
  return (params, x, bias) => {
    const y = x.add(attend(params, norm1(params, x), bias));
    return y.add(fc2(params, activation(fc1(params, norm2(params, y)))));
  };
}

function selfAttention(d: Declarations, c: ClipEncoderConfig, name: string): ClipLayer {
  const project = (role: string) => linear(d, `${name}.${role}`, { in: c.hidden_size, out: c.hidden_size });
  const query = project("q_proj"), key = project("k_proj"), value = project("v_proj");
  const out = project("out_proj"), heads = c.num_attention_heads;
  return (params, x, bias) => {
    const q = query(params, x), k = key(params, x), v = value(params, x);
    return out(params, attention(q, k, v, heads, { bias }));
  };
}
