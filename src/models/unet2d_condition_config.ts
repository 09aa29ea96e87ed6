import { UserError } from "../runtime/errors.ts";

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
  /** Attention heads of each level. In these configs `attention_head_dim` holds the number of heads, unless `num_attention_heads` does. */
  heads: number[];
  flip_sin_to_cos: boolean;
  freq_shift: number;
  use_linear_projection: boolean;
}

/** Values this implementation computes; a config that asks for another one is refused. */
const FIXED: Record<string, unknown> = {
  act_fn: "silu",
  addition_embed_type: null,
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
  mid_block_type: "UNetMidBlock2DCrossAttn",
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
  transformer_layers_per_block: 1,
  upcast_attention: false,
};

const DOWN_BLOCKS = ["CrossAttnDownBlock2D", "DownBlock2D"], UP_BLOCKS = ["CrossAttnUpBlock2D", "UpBlock2D"];

/** Checks a `config.json` and keeps what the network needs; all that is unsupported or missing is one `UserError`. */
export function parseUNetConfig(raw: Record<string, unknown>): UNet2DConditionConfig {
  const problems: string[] = [];
  for (const [key, only] of Object.entries(FIXED)) {
    const given = raw[key];
    if (given !== undefined && given !== null && given !== only) {
      problems.push(`${key}: ${JSON.stringify(given)} is not supported, only ${JSON.stringify(only)}`);
    }
  }
  const integer = (key: string, fallback?: number): number => {
    const value = raw[key] ?? fallback;
    if (Number.isInteger(value) && (value as number) >= 0) return value as number;
    problems.push(`${key}: expected a whole number, got ${JSON.stringify(raw[key])}`);
    return 1;
  };
  const list = (key: string, allowed?: string[]): unknown[] => {
    const value = raw[key];
    if (!Array.isArray(value) || value.length === 0) {
      problems.push(`${key}: expected a list, got ${JSON.stringify(value)}`);
      return [];
    }
    for (const entry of value) {
      if (allowed ? !allowed.includes(entry) : !(Number.isInteger(entry) && entry > 0)) {
        problems.push(
          `${key}: ${JSON.stringify(entry)} is not supported${allowed ? `, only ${allowed.join(", ")}` : ""}`,
        );
      }
    }
    return value;
  };
  const widths = list("block_out_channels") as number[];
  const perLevel = (key: string): number[] => {
    const value = raw[key];
    return Array.isArray(value) ? value as number[] : widths.map(() => integer(key, 8));
  };
  const config: UNet2DConditionConfig = {
    sample_size: integer("sample_size", 64),
    in_channels: integer("in_channels"),
    out_channels: integer("out_channels"),
    down_block_types: list("down_block_types", DOWN_BLOCKS) as string[],
    up_block_types: list("up_block_types", UP_BLOCKS) as string[],
    block_out_channels: widths,
    layers_per_block: integer("layers_per_block", 2),
    norm_num_groups: integer("norm_num_groups", 32),
    norm_eps: Number(raw.norm_eps ?? 1e-5),
    cross_attention_dim: integer("cross_attention_dim", 1280),
    heads: perLevel(raw.num_attention_heads == null ? "attention_head_dim" : "num_attention_heads"),
    flip_sin_to_cos: raw.flip_sin_to_cos !== false,
    freq_shift: integer("freq_shift", 0),
    use_linear_projection: raw.use_linear_projection === true,
  };
  for (const key of ["down_block_types", "up_block_types", "heads"] as const) {
    if (config[key].length !== widths.length) {
      problems.push(`${key}: ${config[key].length} entries for ${widths.length} block_out_channels`);
    }
  }
  if (problems.length) throw new UserError(`UNet2DConditionModel config.json:\n  ${problems.join("\n  ")}`);
  return config;
}
