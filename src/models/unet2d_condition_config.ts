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

/**
 * Checks a `config.json` (diffusers' layout, its defaults) and keeps what the network needs.
 *
 * ```ts
 * import { parseUNetConfig } from "./unet2d_condition_config.ts";
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
  const problems = unsupported(raw);
  const integer = (key: string, fallback?: number, least = 1): number => {
    const value = raw[key] ?? fallback;
    if (Number.isInteger(value) && (value as number) >= least) return value as number;
    problems.push(`${key}: expected a whole number of at least ${least}, got ${JSON.stringify(raw[key])}`);
    return least;
  };
  const positive = (key: string, fallback: number): number => {
    const value = raw[key] ?? fallback;
    if (typeof value === "number" && value > 0) return value;
    problems.push(`${key}: expected a number above 0, got ${JSON.stringify(value)}`);
    return fallback;
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
    if (Array.isArray(raw[key])) return list(key) as number[];
    return new Array<number>(widths.length).fill(integer(key, 8));
  };
  const headsKey = raw.num_attention_heads == null ? "attention_head_dim" : "num_attention_heads";
  const config: UNet2DConditionConfig = {
    sample_size: integer("sample_size", 64),
    in_channels: integer("in_channels"),
    out_channels: integer("out_channels"),
    down_block_types: list("down_block_types", DOWN_BLOCKS) as string[],
    up_block_types: list("up_block_types", UP_BLOCKS) as string[],
    block_out_channels: widths,
    layers_per_block: integer("layers_per_block", 2),
    norm_num_groups: integer("norm_num_groups", 32),
    norm_eps: positive("norm_eps", 1e-5),
    cross_attention_dim: integer("cross_attention_dim", 1280),
    heads: perLevel(headsKey),
    flip_sin_to_cos: raw.flip_sin_to_cos !== false,
    freq_shift: integer("freq_shift", 0, 0),
    use_linear_projection: raw.use_linear_projection === true,
  };
  if (problems.length === 0) problems.push(...misfits(config, headsKey));
  if (problems.length) throw new UserError(`UNet2DConditionModel config.json:\n  ${problems.join("\n  ")}`);
  return config;
}

function unsupported(raw: Record<string, unknown>): string[] {
  return Object.entries(FIXED).flatMap(([key, only]) => {
    const given = raw[key];
    if (given === undefined || given === null || given === only) return [];
    return `${key}: ${JSON.stringify(given)} is not supported, only ${JSON.stringify(only)}`;
  });
}

/** Values that are each right but not together. */
function misfits(c: UNet2DConditionConfig, headsKey: string): string[] {
  const widths = c.block_out_channels;
  const lists = {
    down_block_types: c.down_block_types,
    up_block_types: c.up_block_types,
    [headsKey]: c.heads,
  };
  const unequal = Object.entries(lists).filter(([, list]) => list.length !== widths.length)
    .map(([key, list]) => `${key}: ${list.length} entries for ${widths.length} block_out_channels`);
  if (unequal.length) return unequal;
  return widths.flatMap((width, level) => {
    const attends = level === widths.length - 1 || c.down_block_types[level] === "CrossAttnDownBlock2D" ||
      c.up_block_types[widths.length - 1 - level] === "CrossAttnUpBlock2D";
    const divides = (parts: number, what: string) =>
      width % parts === 0 ? [] : [`block_out_channels: ${width} does not divide into ${parts} ${what}`];
    return [
      ...divides(c.norm_num_groups, "groups (norm_num_groups)"),
      ...attends ? divides(c.heads[level]!, `heads (${headsKey})`) : [],
    ];
  });
}
