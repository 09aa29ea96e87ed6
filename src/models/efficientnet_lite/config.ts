import { configReader } from "../config_reader.ts";

/** What the network reads from an EfficientNetLite's `config.json`. The lists have an entry for each stage. */
export interface EfficientNetLiteConfig {
  num_channels: number;
  /** Side of the (square) training images in pixels; any size can be given. */
  image_size: number;
  /** Channels after the first convolution. */
  stem_channels: number;
  /** Blocks of a stage. */
  depths: number[];
  /** Channels that a stage gives. */
  hidden_sizes: number[];
  /** Inner channels of a block over those that it is given. */
  expand_ratios: number[];
  /** Sides of the depthwise kernels. */
  kernel_sizes: number[];
  /** Of a stage's first block; the others' is 1. */
  strides: number[];
  /** Channels before the classifier. */
  head_channels: number;
  num_labels: number;
}

/**
 * Checks a `config.json` and keeps what the network needs.
 *
 * @throws UserError, one that names each value that is missing, wrong or does not fit the others
 */
export function parseEfficientNetLiteConfig(raw: Record<string, unknown>): EfficientNetLiteConfig {
  const read = configReader(raw, "EfficientNetLite");
  read.only({ model_type: "efficientnet_lite", batch_norm: "folded into the convolutions" });
  const config = {
    num_channels: read.integer("num_channels", 3),
    image_size: read.integer("image_size", 224),
    stem_channels: read.integer("stem_channels"),
    depths: read.layersOfEach("depths"),
    hidden_sizes: read.integers("hidden_sizes"),
    expand_ratios: read.integers("expand_ratios"),
    kernel_sizes: read.integers("kernel_sizes"),
    strides: read.integers("strides"),
    head_channels: read.integer("head_channels"),
    num_labels: read.integer("num_labels"),
  };
  return read.finish(config, (c) =>
    (["hidden_sizes", "expand_ratios", "kernel_sizes", "strides"] as const)
      .filter((key) => c[key].length !== c.depths.length)
      .map((key) => `${key}: expected ${c.depths.length} numbers, as depths has, got ${c[key].length}`));
}
