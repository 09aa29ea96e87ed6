import { configReader } from "../config_reader.ts";

/** What the network reads from a UNet2DConditionModel's `config.json`. */
export interface UNet2DConditionConfig {
  sample_size: number;
  in_channels: number;
  out_channels: number;
  down_block_types: string[];
  up_block_types: string[];
  block_out_channels: number[];
  layers_per_block: number;
  norm_num_groups: number;
  norm_eps: number;
  cross_attention_dim: number;
  /** Attention heads of each level. In these configs `attention_head_dim` holds the number of heads. */
  heads: number[];
  /** Transformer blocks behind each residual block of each level that has attention. */
  transformer_layers_per_block: number[];
  /** The lowest point of the U; null: there is none. */
  mid_block_type: MidBlockType | null;
  /** SDXL: an embedding of pooled text and of numbers (sizes, crop) is added to that of the timestep; null: it is not. */
  text_time: TextTimeConfig | null;
  flip_sin_to_cos: boolean;
  freq_shift: number;
  use_linear_projection: boolean;
}

/** Residual blocks around a transformer, or one residual block. */
export type MidBlockType = "UNetMidBlock2DCrossAttn" | "UNetMidBlock2D";

/** Of `addition_embed_type: "text_time"`. */
export interface TextTimeConfig {
  /** Width of the embedding of one number. */
  addition_time_embed_dim: number;
  /** Width of the pooled text and all embedded numbers together. */
  projection_class_embeddings_input_dim: number;
}

/** Values this implementation computes; a config that asks for another one is refused. */
const FIXED: Record<string, unknown> = {
  act_fn: "silu",
  attention_type: "default",
  center_input_sample: false,
  class_embed_type: null,
  class_embeddings_concat: false,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
  cross_attention_norm: null,
  downsample_padding: 1,
  dropout: 0,
  dual_cross_attention: false,
  encoder_hid_dim: null,
  encoder_hid_dim_type: null,
  mid_block_only_cross_attention: null,
  mid_block_scale_factor: 1,
  num_attention_heads: null,
  num_class_embeds: null,
  only_cross_attention: false,
  resnet_out_scale_factor: 1,
  resnet_skip_time_act: false,
  resnet_time_scale_shift: "default",
  reverse_transformer_layers_per_block: null,
  time_cond_proj_dim: null,
  time_embedding_act_fn: null,
  time_embedding_dim: null,
  time_embedding_type: "positional",
  timestep_post_act: null,
};

const MID_BLOCKS = ["UNetMidBlock2DCrossAttn", "UNetMidBlock2D", null] as const;
const DOWN_BLOCKS = ["CrossAttnDownBlock2D", "DownBlock2D"], UP_BLOCKS = ["CrossAttnUpBlock2D", "UpBlock2D"];

/**
 * Checks a `config.json` (diffusers' layout, its defaults) and keeps what the network needs.
 *
 * ```ts
 * import { parseUNetConfig } from "./config.ts";
 * const { heads, norm_num_groups } = parseUNetConfig({
 *   in_channels: 4,
 *   out_channels: 4,
 *   block_out_channels: [32, 64],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 * });
 * console.log(heads, norm_num_groups); // [ 8, 8 ] 32
 * ```
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseUNetConfig(raw: Record<string, unknown>): UNet2DConditionConfig {
  const read = configReader(raw, "UNet2DConditionModel");
  read.only(FIXED);
  const widths = read.integers("block_out_channels"), levels = widths.length;
  const addition = read.oneOf("addition_embed_type", [null, "text_time"]);
  return read.finish({
    sample_size: read.integer("sample_size", 64),
    in_channels: read.integer("in_channels"),
    out_channels: read.integer("out_channels"),
    down_block_types: read.names("down_block_types", DOWN_BLOCKS),
    up_block_types: read.names("up_block_types", UP_BLOCKS),
    block_out_channels: widths,
    layers_per_block: read.layers("layers_per_block", 2),
    norm_num_groups: read.integer("norm_num_groups", 32),
    norm_eps: read.positive("norm_eps", 1e-5),
    cross_attention_dim: read.integer("cross_attention_dim", 1280),
    heads: read.integerPerLevel("attention_head_dim", levels, 8),
    transformer_layers_per_block: read.layersPerLevel("transformer_layers_per_block", levels, 1),
    mid_block_type: read.oneOf("mid_block_type", MID_BLOCKS),
    text_time: addition && {
      addition_time_embed_dim: read.integer("addition_time_embed_dim"),
      projection_class_embeddings_input_dim: read.integer("projection_class_embeddings_input_dim"),
    },
    flip_sin_to_cos: read.boolean("flip_sin_to_cos", true),
    freq_shift: read.integer("freq_shift", 0, 0),
    use_linear_projection: read.boolean("use_linear_projection", false),
  }, misfits);
}

/** Values that are each right but not together. */
function misfits(c: UNet2DConditionConfig): string[] {
  const widths = c.block_out_channels;
  const lists = {
    down_block_types: c.down_block_types,
    up_block_types: c.up_block_types,
    attention_head_dim: c.heads,
    transformer_layers_per_block: c.transformer_layers_per_block,
  };
  const unequal = Object.entries(lists).filter(([, list]) => list.length !== widths.length)
    .map(([key, list]) => `${key}: ${list.length} entries for ${widths.length} block_out_channels`);
  if (unequal.length) return unequal;
  const embedded = c.text_time?.addition_time_embed_dim ?? 2;
  if (embedded % 2) return [`addition_time_embed_dim: expected an even number, got ${embedded}`];
  return widths.flatMap((width, level) => {
    const middle = level === widths.length - 1 && c.mid_block_type === "UNetMidBlock2DCrossAttn";
    const attends = middle || c.down_block_types[level] === "CrossAttnDownBlock2D" ||
      c.up_block_types[widths.length - 1 - level] === "CrossAttnUpBlock2D";
    const divides = (parts: number, what: string) =>
      width % parts === 0 ? [] : [`block_out_channels: ${width} does not divide into ${parts} ${what}`];
    return [
      ...divides(c.norm_num_groups, "groups (norm_num_groups)"),
      ...attends ? divides(c.heads[level]!, "heads (attention_head_dim)") : [],
    ];
  });
}
