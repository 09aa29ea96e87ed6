import type { Config } from "../weights/config.ts";

/** How large the networks and batches of a benchmark are. */
export interface BenchmarkSize {
  /** `config.json` of the UNet2DConditionModel. */
  unet: Config;
  /** `config.json` of the discriminator's Dinov2Model. */
  backbone: Config;
  batch: number;
  /** Condition tokens per sample. */
  tokens: number;
}

interface UnetShape {
  side: number;
  widths: number[];
  heads: number;
  crossAttention: number;
  /** Whether the outermost blocks have no attention. */
  plain?: boolean;
}

function unetConfig({ side, widths, heads, crossAttention, plain = false }: UnetShape): Config {
  const outermost = plain ? "" : "CrossAttn", inner = widths.slice(1);
  return {
    _class_name: "UNet2DConditionModel",
    sample_size: side,
    in_channels: 3,
    out_channels: 3,
    block_out_channels: widths,
    down_block_types: [`${outermost}DownBlock2D`, ...inner.map(() => "CrossAttnDownBlock2D")],
    up_block_types: [...inner.map(() => "CrossAttnUpBlock2D"), `${outermost}UpBlock2D`],
    layers_per_block: 1,
    norm_num_groups: Math.min(32, widths[0]! / 2),
    cross_attention_dim: crossAttention,
    attention_head_dim: heads,
  };
}

function backboneConfig(side: number, width: number, depth: number, heads: number): Config {
  return {
    architectures: ["Dinov2Model"],
    model_type: "dinov2",
    hidden_size: width,
    num_hidden_layers: depth,
    num_attention_heads: heads,
    image_size: side,
    patch_size: 4,
  };
}

/** 17 M parameters on 32×32 pixels; each network call's activations take about 450 MiB in PyTorch. */
export const FULL: BenchmarkSize = {
  unet: unetConfig({ side: 32, widths: [64, 128, 256], heads: 8, crossAttention: 256 }),
  backbone: backboneConfig(32, 192, 6, 3),
  batch: 8,
  tokens: 77,
};

/** 24 M parameters on 32×32 pixels, without attention at the full resolution. */
export const PLAIN: BenchmarkSize = {
  ...FULL,
  unet: unetConfig({ side: 32, widths: [64, 128, 320], heads: 8, crossAttention: 256, plain: true }),
};

/** For engines that are much slower than TensorFlow. */
export const SMALL: BenchmarkSize = {
  unet: unetConfig({ side: 16, widths: [32, 64], heads: 4, crossAttention: 64 }),
  backbone: backboneConfig(16, 64, 4, 2),
  batch: 4,
  tokens: 8,
};

const QUICK_UNET: UnetShape = { side: 8, widths: [8, 16], heads: 2, crossAttention: 8 };

/** Only to see that everything runs. */
export const QUICK: BenchmarkSize = {
  unet: unetConfig(QUICK_UNET),
  backbone: backboneConfig(8, 16, 4, 2),
  batch: 2,
  tokens: 3,
};

/** Names of the sizes that are measured. */
export type SizeName = "full" | "plain" | "small";

const SIZES: Record<SizeName, BenchmarkSize> = { full: FULL, plain: PLAIN, small: SMALL };

/** A size by its name; a tiny one for all names but the blocks of `plain` if it is to be quick. */
export function sizeOf(name: SizeName, quick: boolean): BenchmarkSize {
  if (!quick) return SIZES[name];
  return name === "plain" ? { ...QUICK, unet: unetConfig({ ...QUICK_UNET, plain: true }) } : QUICK;
}

/**
 * The transformer blocks whose features the discriminator judges: four (or all, if fewer), evenly spread, the last among
 * them.
 *
 * ```ts
 * import { judgedBlocks } from "./sizes.ts";
 * console.log(judgedBlocks(12), judgedBlocks(6)); // [2, 5, 8, 11] [1, 2, 4, 5]
 * ```
 */
export function judgedBlocks(depth: number): number[] {
  const count = Math.min(4, depth);
  return Array.from({ length: count }, (_, k) => Math.ceil((k + 1) * depth / count) - 1);
}
