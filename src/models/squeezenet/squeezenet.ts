import * as tf from "@tensorflow/tfjs";
import type { Declarations, Layer } from "../../nn/declare.ts";
import { chain, conv2d } from "../../nn/layers.ts";
import { configReader } from "../config_reader.ts";
import type { Model } from "../model.ts";

/** What the network reads from a SqueezeNet's `config.json`. */
export interface SqueezeNetConfig {
  num_channels: number;
  num_labels: number;
}

export interface SqueezeNetInputs {
  /** Normalised images [B,H,W,num_channels], sides from 31 on. */
  pixel_values: tf.Tensor;
}

export interface SqueezeNetOutputs {
  /** [B,num_labels], before the softmax. */
  logits: tf.Tensor2D;
  /** The mean over the pixels of what the last fire module gives, [B,512]. */
  features: tf.Tensor2D;
}

/**
 * SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360) from its `config.json`, on weights by torchvision's names. For
 * evaluation: what judges generated images in training is to be another network than what scores them.
 *
 * ```ts
 * import { squeezeNet } from "./squeezenet.ts";
 * const model = squeezeNet({ version: "1_1", num_labels: 1000 });
 * console.log(model.declarations["features.3.squeeze.weight"]!.shape); // [1, 1, 64, 16]
 * ```
 *
 * @throws UserError for another version
 */
export function squeezeNet(
  config: Record<string, unknown>,
): Model<SqueezeNetConfig, SqueezeNetInputs, SqueezeNetOutputs> {
  const read = configReader(config, "SqueezeNet"), d: Declarations = {};
  read.only({ model_type: "squeezenet", version: "1_1" });
  const c = read.finish({
    num_channels: read.integer("num_channels", 3),
    num_labels: read.integer("num_labels"),
  }, () => []);
  const fire = (place: number, channels: number, squeezed: number, expanded: number) =>
    fireModule(d, `features.${place}`, channels, squeezed, expanded);
  const network = chain(
    rectified(conv2d(d, "features.0", { in: c.num_channels, out: 64, kernel: 3, stride: 2, padding: 0 })),
    maxPool,
    fire(3, 64, 16, 64),
    fire(4, 128, 16, 64),
    maxPool,
    fire(6, 128, 32, 128),
    fire(7, 256, 32, 128),
    maxPool,
    fire(9, 256, 48, 192),
    fire(10, 384, 48, 192),
    fire(11, 384, 64, 256),
    fire(12, 512, 64, 256),
  );
  const classify = rectified(conv2d(d, "classifier.1", { in: 512, out: c.num_labels, kernel: 1 }));
  return {
    config: c,
    declarations: d,
    forward(params, { pixel_values }) {
      const grid = network(params, pixel_values), mean = (x: tf.Tensor) => tf.mean<tf.Tensor2D>(x, [1, 2]);
      return { logits: mean(classify(params, grid)), features: mean(grid) };
    },
  };
}

/** A 1×1 convolution to few channels, then a 1×1 and a 3×3 one side by side, each with ReLU. */
function fireModule(
  d: Declarations,
  name: string,
  channels: number,
  squeezed: number,
  expanded: number,
): Layer {
  const layer = (part: string, size: { in: number; out: number; kernel: number }) =>
    rectified(conv2d(d, `${name}.${part}`, size));
  const squeeze = layer("squeeze", { in: channels, out: squeezed, kernel: 1 });
  const one = layer("expand1x1", { in: squeezed, out: expanded, kernel: 1 });
  const three = layer("expand3x3", { in: squeezed, out: expanded, kernel: 3 });
  return (params, x) => {
    const narrow = squeeze(params, x);
    return tf.concat([one(params, narrow), three(params, narrow)], 3);
  };
}

function rectified(layer: Layer): Layer {
  return (params, x) => layer(params, x).relu();
}

/** 3×3, stride 2; a last window that is not whole counts (Caffe's rounding up): zeros behind, for nothing is below them. */
const maxPool: Layer = (_, x) => {
  const [, height, width] = x.shape as [number, number, number, number];
  const padded = x.pad([[0, 0], [0, (height + 1) % 2], [0, (width + 1) % 2], [0, 0]]);
  return tf.maxPool(padded as tf.Tensor4D, 3, 2, "valid");
};
