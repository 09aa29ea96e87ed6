import { configReader } from "../config_reader.ts";

/** What the network reads from an AutoencoderKL's `config.json`. */
export interface AutoencoderKLConfig {
  /** Channels of an image. */
  in_channels: number;
  out_channels: number;
  latent_channels: number;
  /** Width of each level, the first at full size, each further one at half the sides. */
  block_out_channels: number[];
  /** Residual blocks of each level of the encoder; the decoder has one more. */
  layers_per_block: number;
  norm_num_groups: number;
  /** Side of the training images, in pixels; it gives the size of a tile. */
  sample_size: number;
  /** A diffusion model works on (z − shift_factor)·scaling_factor; 0 where there is no shift. */
  scaling_factor: number;
  shift_factor: number;
  /** Whether a 1×1 convolution follows the encoder. */
  use_quant_conv: boolean;
  /** Whether a 1×1 convolution precedes the decoder. */
  use_post_quant_conv: boolean;
  /** Whether the pixels of the smallest level attend to each other. */
  mid_block_add_attention: boolean;
}

/** Values this implementation computes; `force_upcast` means nothing here, where all is float32. */
const FIXED = { act_fn: "silu", latents_mean: null, latents_std: null };

/**
 * Checks a `config.json` (diffusers' layout) and keeps what the network needs. Sizes must be there; what older files do
 * not have takes diffusers' defaults.
 *
 * @throws UserError, one that names each value that is unsupported, missing or does not fit the others
 */
export function parseAutoencoderKLConfig(raw: Record<string, unknown>): AutoencoderKLConfig {
  const read = configReader(raw, "AutoencoderKL");
  read.only(FIXED);
  const types = {
    down_block_types: read.names("down_block_types", ["DownEncoderBlock2D"]),
    up_block_types: read.names("up_block_types", ["UpDecoderBlock2D"]),
  };
  return read.finish({
    in_channels: read.integer("in_channels"),
    out_channels: read.integer("out_channels"),
    latent_channels: read.integer("latent_channels"),
    block_out_channels: read.integers("block_out_channels"),
    layers_per_block: read.layers("layers_per_block"),
    norm_num_groups: read.integer("norm_num_groups"),
    sample_size: read.integer("sample_size"),
    scaling_factor: read.positive("scaling_factor", 0.18215),
    shift_factor: read.number("shift_factor", 0),
    use_quant_conv: read.boolean("use_quant_conv", true),
    use_post_quant_conv: read.boolean("use_post_quant_conv", true),
    mid_block_add_attention: read.boolean("mid_block_add_attention", true),
  }, (c) => misfits(c, types));
}

function misfits(c: AutoencoderKLConfig, types: Record<string, string[]>): string[] {
  const widths = c.block_out_channels, groups = c.norm_num_groups;
  const unequal = Object.entries(types).filter(([, list]) => list.length !== widths.length)
    .map(([key, list]) => `${key}: ${list.length} entries for ${widths.length} block_out_channels`);
  const undivided = widths.filter((width) => width % groups !== 0)
    .map((width) => `block_out_channels: ${width} does not divide into ${groups} groups (norm_num_groups)`);
  return [...unequal, ...undivided];
}
