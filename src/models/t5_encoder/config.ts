import { configReader } from "../config_reader.ts";

/** What the network reads from a T5EncoderModel's `config.json`. */
export interface T5EncoderConfig {
  vocab_size: number;
  d_model: number;
  /** Width of a head. */
  d_kv: number;
  /** Width of the feed-forward layer. */
  d_ff: number;
  num_layers: number;
  num_heads: number;
  /** Buckets that relative positions are sorted into, over both directions. */
  relative_attention_num_buckets: number;
  /** Distance from which on all positions share the last bucket. */
  relative_attention_max_distance: number;
  layer_norm_epsilon: number;
  /** Feed-forward layer: `relu` in the first T5, `gated-gelu` from 1.1 on. */
  feed_forward_proj: "relu" | "gated-gelu";
}

/**
 * Checks a `config.json` (transformers' layout) and keeps what the network needs. Sizes must be there.
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseT5EncoderConfig(raw: Record<string, unknown>): T5EncoderConfig {
  const read = configReader(raw, "T5EncoderModel");
  const config: T5EncoderConfig = {
    vocab_size: read.integer("vocab_size"),
    d_model: read.integer("d_model"),
    d_kv: read.integer("d_kv"),
    d_ff: read.integer("d_ff"),
    num_layers: read.layers("num_layers"),
    num_heads: read.integer("num_heads"),
    relative_attention_num_buckets: read.integer("relative_attention_num_buckets"),
    relative_attention_max_distance: read.integer("relative_attention_max_distance", 128),
    layer_norm_epsilon: read.positive("layer_norm_epsilon", 1e-6),
    feed_forward_proj: read.oneOf("feed_forward_proj", ["relu", "gated-gelu"]),
  };
  const gated = config.feed_forward_proj === "gated-gelu";
  read.only({ model_type: "t5", is_decoder: false });
  read.only({ dense_act_fn: gated ? "gelu_new" : "relu", is_gated_act: gated });
  return read.finish(config, misfits);
}

function misfits(
  { relative_attention_num_buckets: buckets, relative_attention_max_distance: distance }: T5EncoderConfig,
): string[] {
  if (buckets % 4 !== 0) return [`relative_attention_num_buckets: expected a multiple of 4, got ${buckets}`];
  return distance > buckets / 4
    ? []
    : [`relative_attention_max_distance: expected more than ${buckets / 4}, got ${distance}`];
}
