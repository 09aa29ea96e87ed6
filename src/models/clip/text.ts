import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import { embedding } from "../../nn/embedding.ts";
import { layerNorm, linear } from "../../nn/layers.ts";
import { UserError } from "../../runtime/errors.ts";
import { causalBias, paddingBias } from "../../tensor/attention_bias.ts";
import type { Params } from "../../tensor/params.ts";
import type { Model } from "../model.ts";
import { clipEncoder } from "./encoder.ts";
import { type ClipTextClass, type ClipTextConfig, parseClipTextConfig } from "./text_config.ts";

export interface ClipTextInputs {
  /** Numbers of the tokens, int32 [B,L]. */
  input_ids: tf.Tensor;
  /** [B,L], 1 for tokens, 0 for padding; diffusers' pipelines give none. */
  attention_mask?: tf.Tensor;
}

export interface ClipTextOutputs {
  /** After the final layer norm, [B,L,C]. */
  last_hidden_state: tf.Tensor;
  /** Its row at the token that ends the text, [B,C]. */
  pooler_output: tf.Tensor;
  /** The embeddings and the output of every layer, [B,L,C] each, not normalised; SDXL and SD3 read the last but one. */
  hidden_states: tf.Tensor[];
}

export interface ClipTextProjectionOutputs {
  /** The pooled token, projected: [B,projection_dim]. */
  text_embeds: tf.Tensor;
  /** As in `ClipTextOutputs`. */
  last_hidden_state: tf.Tensor;
  hidden_states: tf.Tensor[];
}

/**
 * transformers' CLIPTextModel (Radford et al. 2021, a causal transformer) from its `config.json`. An unsupported config
 * value is a `UserError` that names it.
 *
 * Weights are named as diffusers' checkpoints have them, `text_model.…`; transformers ≥ 5 writes them without that
 * prefix, and `loadTransformersParams` reads both.
 *
 * ```ts
 * import { clipText } from "./text.ts";
 * const sizes = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2, num_attention_heads: 4 };
 * const model = clipText({ ...sizes, vocab_size: 1000, max_position_embeddings: 77, eos_token_id: 999 });
 * console.log(model.declarations["text_model.embeddings.token_embedding.weight"]!.shape); // [1000, 64]
 * ```
 */
export function clipText(
  config: Record<string, unknown>,
): Model<ClipTextConfig, ClipTextInputs, ClipTextOutputs> {
  return build(config, "CLIPTextModel");
}

/**
 * transformers' CLIPTextModelWithProjection from its `config.json`: as `clipText`, with the pooled token projected.
 *
 * ```ts
 * import { clipTextWithProjection } from "./text.ts";
 * const sizes = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2, num_attention_heads: 4 };
 * const text = { vocab_size: 1000, max_position_embeddings: 77, eos_token_id: 999, hidden_act: "gelu" };
 * const model = clipTextWithProjection({ ...sizes, ...text, projection_dim: 32 });
 * console.log(model.declarations["text_projection.weight"]!.shape); // [32, 64]
 * ```
 */
export function clipTextWithProjection(
  config: Record<string, unknown>,
): Model<ClipTextConfig, ClipTextInputs, ClipTextProjectionOutputs> {
  const base = build(config, "CLIPTextModelWithProjection"), { hidden_size, projection_dim } = base.config;
  const size = { in: hidden_size, out: projection_dim!, bias: false };
  const project = linear(base.declarations, "text_projection", size);
  return {
    ...base,
    forward(params, inputs) {
      const { pooler_output, ...rest } = base.forward(params, inputs);
      return { text_embeds: project(params, pooler_output), ...rest };
    },
  };
}

function build(
  raw: Record<string, unknown>,
  name: ClipTextClass,
): Model<ClipTextConfig, ClipTextInputs, ClipTextOutputs> {
  const c = parseClipTextConfig(raw, name), d: Declarations = {};
  const embed = embeddings(d, c);
  const encode = clipEncoder(d, c, "text_model.encoder");
  const norm = layerNorm(d, "text_model.final_layer_norm", {
    channels: c.hidden_size,
    eps: c.layer_norm_eps,
  });
  return {
    config: c,
    declarations: d,
    forward(params, { input_ids, attention_mask }) {
      const causal = causalBias(input_ids.shape[1]!);
      const bias = attention_mask ? causal.add(paddingBias(attention_mask)) : causal;
      const hidden_states = encode(params, embed(params, input_ids), bias);
      const last_hidden_state = norm(params, hidden_states.at(-1)!);
      return { last_hidden_state, pooler_output: pool(last_hidden_state, input_ids, c), hidden_states };
    },
  };
}

/** Token and position table: int32 [B,L] → [B,L,C]. */
function embeddings(d: Declarations, c: ClipTextConfig): (params: Params, ids: tf.Tensor) => tf.Tensor {
  const size = { width: c.hidden_size, spread: c.initializer_range };
  const name = "text_model.embeddings", most = c.max_position_embeddings;
  const tokens = embedding(d, `${name}.token_embedding`, { ...size, count: c.vocab_size });
  const positions = embedding(d, `${name}.position_embedding`, { ...size, count: most });
  return (params, ids) => {
    const length = ids.shape[1]!;
    if (length > most) {
      throw new UserError(
        `a CLIP text encoder was given ${length} tokens, expected at most ${most} (max_position_embeddings); ` +
          "let the tokenizer cut the text",
      );
    }
    return tokens(params, ids).add(positions(params, tf.range(0, length, 1, "int32")));
  };
}

/**
 * The row of x [B,L,C] at each text's end: the first token with the number `eos_token_id`, or the first token of the
 * highest number where that is 2; the first row where the text has no such token.
 */
function pool(x: tf.Tensor, ids: tf.Tensor, { eos_token_id: eos }: ClipTextConfig): tf.Tensor {
  const marks = eos === 2 ? ids : ids.equal(eos).toInt();
  const rows = tf.oneHot(marks.argMax(-1), ids.shape[1]!).toFloat(); // [B,L]
  return tf.matMul(rows.expandDims(1), x).squeeze([1]);
}
