import type * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../nn/declare.ts";
import { conv2d, groupNorm, linear } from "../nn/layers.ts";
import { silu } from "../tensor/activations.ts";
import type { Params } from "../tensor/params.ts";
import { configReader } from "./config_reader.ts";
import { type Loaded, loadNetwork } from "./loaded.ts";
import type { Model } from "./model.ts";

/** `config.json` of a DigitClassifier. */
export interface DigitClassifierConfig {
  _class_name: "DigitClassifier";
  /** Height and width of the images in pixels. */
  image_size: number;
  in_channels: number;
  /** Output channels of each 3×3 convolution. */
  channels: number[];
  /** Stride of each convolution, 1 or 2. */
  strides: number[];
  norm_num_groups: number;
  /** Width of the layer before the last: the features. */
  feature_size: number;
  num_classes: number;
}

export interface DigitClassifierInputs {
  /** Images [B,H,W,in_channels] in [-1,1]. */
  images: tf.Tensor;
}

export interface DigitClassifierOutputs {
  /** [B,feature_size]. */
  features: tf.Tensor2D;
  /** [B,num_classes]. */
  logits: tf.Tensor2D;
}

/** The evaluation network: a model whose two outputs can also be asked for one by one. */
export interface DigitClassifier
  extends Model<DigitClassifierConfig, DigitClassifierInputs, DigitClassifierOutputs> {
  /** Penultimate features [B,feature_size] of images [B,H,W,in_channels] in [-1,1]. */
  features(params: Params, images: tf.Tensor): tf.Tensor2D;
  /** Class logits [B,num_classes]. */
  logits(params: Params, images: tf.Tensor): tf.Tensor2D;
}

/**
 * A small convolutional classifier: 3×3 convolutions with GroupNorm and SiLU, a dense layer on all positions (so the
 * features keep where strokes are), and a linear classifier. It measures generated digits and takes no part in training.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { digitClassifier } from "./digit_classifier.ts";
 * const net = digitClassifier({ _class_name: "DigitClassifier", image_size: 8, in_channels: 3, channels: [8, 16],
 *   strides: [1, 2], norm_num_groups: 4, feature_size: 64, num_classes: 10 });
 * console.log(net.features(initParams(net.declarations, 0), tf.zeros([2, 8, 8, 3])).shape); // [2, 64]
 * ```
 *
 * @throws UserError for a config that is not one of a DigitClassifier
 */
export function digitClassifier(config: Record<string, unknown>): DigitClassifier {
  const c = parseConfig(config), d: Declarations = {};
  const stages = c.channels.map((out, i) => {
    const name = `blocks.${i}`, from = i === 0 ? c.in_channels : c.channels[i - 1]!;
    const conv = conv2d(d, `${name}.conv`, { in: from, out, kernel: 3, stride: c.strides[i] });
    const norm = groupNorm(d, `${name}.norm`, {
      channels: out,
      groups: c.norm_num_groups,
      eps: 1e-5,
      silu: true,
    });
    return (params: Params, x: tf.Tensor) => norm(params, conv(params, x));
  });
  const side = c.strides.reduce((size, stride) => Math.ceil(size / stride), c.image_size);
  const dense = linear(d, "features", { in: side * side * c.channels.at(-1)!, out: c.feature_size });
  const classify = linear(d, "classifier", { in: c.feature_size, out: c.num_classes });

  const features = (params: Params, images: tf.Tensor) => {
    const maps = stages.reduce((x, stage) => stage(params, x), images);
    return silu(dense(params, maps.reshape([images.shape[0]!, -1]))) as tf.Tensor2D;
  };
  const logits = (params: Params, images: tf.Tensor) =>
    classify(params, features(params, images)) as tf.Tensor2D;
  return {
    config: c,
    declarations: d,
    features,
    logits,
    forward(params, { images }) {
      const seen = features(params, images);
      return { features: seen, logits: classify(params, seen) as tf.Tensor2D };
    },
  };
}

function parseConfig(raw: Record<string, unknown>): DigitClassifierConfig {
  const read = configReader(raw, "DigitClassifier");
  return read.finish(
    {
      _class_name: read.oneOf("_class_name", ["DigitClassifier"]),
      image_size: read.integer("image_size"),
      in_channels: read.integer("in_channels"),
      channels: read.integers("channels"),
      strides: read.integers("strides"),
      norm_num_groups: read.integer("norm_num_groups"),
      feature_size: read.integer("feature_size"),
      num_classes: read.integer("num_classes"),
    },
    ({ channels, strides }) =>
      channels.length === strides.length
        ? []
        : [`strides: ${strides.length} entries for ${channels.length} channels`],
  );
}

/** Loads the evaluation network of the digits; errors as `loadUNet2DCondition`. */
export function loadDigitClassifier(folder: string): Promise<Loaded<ReturnType<typeof digitClassifier>>> {
  return loadNetwork(folder, "DigitClassifier", digitClassifier);
}
