import * as tf from "@tensorflow/tfjs";
import { block } from "../../nn/checkpointing.ts";
import type { Declarations, Layer } from "../../nn/declare.ts";
import { chain, conv2d, depthwiseConv2d, linear } from "../../nn/layers.ts";
import { relu6 } from "../../tensor/activations.ts";
import type { Params } from "../../tensor/params.ts";
import type { Model } from "../model.ts";
import { type EfficientNetLiteConfig, parseEfficientNetLiteConfig } from "./config.ts";

export interface EfficientNetLiteInputs {
  /** Normalised images [B,H,W,num_channels] of any size. */
  pixel_values: tf.Tensor;
}

export interface EfficientNetLiteOutputs {
  /** [B,num_labels], before the softmax. */
  logits: tf.Tensor;
  /** The output of every stage, [B,h,w,C] each. */
  hidden_states: tf.Tensor4D[];
}

/** A network whose weights have the names of the PyTorch checkpoint. */
export interface EfficientNetLite
  extends Model<EfficientNetLiteConfig, EfficientNetLiteInputs, EfficientNetLiteOutputs> {
  /** The outputs of the first `count` stages alone, [B,h,w,C] each. */
  stages(params: Params, pixel_values: tf.Tensor, count: number): tf.Tensor4D[];
}

/**
 * EfficientNet-Lite (Tan & Le 2019, arXiv 1905.11946, in its variant for small devices: ReLU6, no squeeze-and-excitation)
 * from its `config.json`, with the batch normalisations folded into the convolutions. Convolutions pad as TensorFlow's
 * do, so a stride of 2 halves odd sides upwards. An unsupported config value is a `UserError` that names it.
 *
 * ```ts
 * import { efficientNetLite } from "./efficientnet_lite.ts";
 * const stages = { depths: [1, 2], hidden_sizes: [8, 12], expand_ratios: [1, 6], kernel_sizes: [3, 5], strides: [1, 2] };
 * const model = efficientNetLite({ ...stages, stem_channels: 16, head_channels: 32, num_labels: 10 });
 * console.log(model.declarations["_blocks.1._depthwise_conv.weight"]!.shape); // [5, 5, 1, 48]
 * ```
 */
export function efficientNetLite(config: Record<string, unknown>): EfficientNetLite {
  const c = parseEfficientNetLiteConfig(config), d: Declarations = {};
  const stem = conv2d(d, "_conv_stem", {
    in: c.num_channels,
    out: c.stem_channels,
    kernel: 3,
    stride: 2,
    padding: "same",
  });
  let channels = c.stem_channels, number = 0;
  const layers = c.depths.map((depth, stage) => {
    const [kernel, expand, out] = [c.kernel_sizes[stage]!, c.expand_ratios[stage]!, c.hidden_sizes[stage]!];
    return chain(...Array.from({ length: depth }, (_, i) => {
      const size = { in: channels, out, expand, kernel, stride: i === 0 ? c.strides[stage]! : 1 };
      channels = out;
      return invertedResidual(d, `_blocks.${number++}`, size);
    }));
  });
  const head = conv2d(d, "_conv_head", { in: channels, out: c.head_channels, kernel: 1 });
  const classify = linear(d, "_fc", { in: c.head_channels, out: c.num_labels });
  const stages: EfficientNetLite["stages"] = (params, pixel_values, count) => {
    const states: tf.Tensor[] = [];
    let x = relu6(stem(params, pixel_values));
    for (const layer of layers.slice(0, count)) states.push(x = layer(params, x));
    return states as tf.Tensor4D[];
  };
  return {
    config: c,
    declarations: d,
    stages,
    forward(params, { pixel_values }) {
      const hidden_states = stages(params, pixel_values, layers.length);
      const pooled = relu6(head(params, hidden_states.at(-1)!)).mean([1, 2]);
      return { logits: classify(params, pooled), hidden_states };
    },
  };
}

interface BlockSize {
  in: number;
  out: number;
  expand: number;
  kernel: number;
  stride: number;
}

/** More channels, a depthwise convolution, fewer channels (Sandler et al. 2018); added to x where the shape stays. */
function invertedResidual(
  d: Declarations,
  name: string,
  { in: given, out, expand, kernel, stride }: BlockSize,
): Layer {
  const inner = given * expand;
  const widen = expand === 1 ? null : conv2d(d, `${name}._expand_conv`, { in: given, out: inner, kernel: 1 });
  const depthwise = depthwiseConv2d(d, `${name}._depthwise_conv`, { channels: inner, kernel, stride });
  const project = conv2d(d, `${name}._project_conv`, { in: inner, out, kernel: 1 });
  return block(name, (params, x) => {
    const wide = widen ? relu6(widen(params, x)) : x;
    const y = project(params, relu6(depthwise(params, wide)));
    return stride === 1 && given === out ? x.add(y) : y;
  });
}
