/**
 * Frozen weights of one byte a number, as trainers of LoRAs offer them: symmetric, with a scale for each output channel,
 * rounded to nearest. A number is wrong by at most 1/254 of the largest one of its channel.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { storedAsBytes } from "../runtime/tensorflow/stored.ts";
import type { Params } from "../tensor/params.ts";

/** The largest magnitude: −128 is left out, so that the range is symmetric. */
const LARGEST = 127;

const scaleName = (module: string) => `${module}.weight_scale`;

/** The axes of a linear layer's [out,in] or a convolution's [k,k,in,out] that one output channel has. */
const ofOneOutput = (weight: tf.Tensor) => weight.rank === 2 ? [1] : [0, 1, 2];

/** A vector with a number for each output, shaped to be broadcast over the weight. */
const acrossOutputs = (scale: tf.Tensor, weight: tf.Tensor) =>
  weight.rank === 2 ? scale.reshape([-1, 1]) : scale;

/**
 * Makes the weights of a layer int8, in place: `module.weight` then holds whole numbers, a byte each on TensorFlow, and
 * `module.weight_scale` [out] what they are multiples of. A layer multiplies by the whole numbers, which bfloat16 holds
 * exactly, and its output by the scale (see `rescaled`). One that is int8 already stays as it is.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { dequantised, quantise } from "./int8.ts";
 * await tf.setBackend("cpu");
 * const params: Record<string, tf.Tensor> = { "fc.weight": tf.tensor2d([[1, -0.5], [0.25, 0.1]]) };
 * quantise(params, "fc");
 * console.log(params["fc.weight"]!.arraySync()); // [[127, -64], [127, 51]]
 * console.log(dequantised(params, "fc").arraySync()); // [[1, -0.504], [0.25, 0.1004]]
 * ```
 */
export function quantise(params: Params, module: string): void {
  const name = `${module}.weight`, weight = params[name]!;
  if (params[scaleName(module)]) return;
  const [numbers, scale] = tf.tidy(() => {
    const most = weight.abs().max(ofOneOutput(weight));
    const scale = tf.where(most.greater(0), most.div(LARGEST), 1); // of a channel of zeros: 1
    return [storedAsBytes(weight.div(acrossOutputs(scale, weight)).round()), scale];
  }) as [tf.Tensor, tf.Tensor];
  weight.dispose();
  params[name] = numbers;
  params[scaleName(module)] = scale;
}

/** The weight of a layer as a new float32 tensor, whether it is int8 or not. */
export function dequantised(params: Params, module: string): tf.Tensor {
  const weight = params[`${module}.weight`]!, scale = params[scaleName(module)];
  return scale ? tf.tidy(() => weight.mul(acrossOutputs(scale, weight))) : weight.clone();
}

/** Frees the scale of a layer whose weight has been made float32 again. */
export function dropScale(params: Params, module: string): void {
  params[scaleName(module)]?.dispose();
  delete params[scaleName(module)];
}

/** The output [...,out] of a layer's product, times its weight's scale if it has one. */
export function rescaled(params: Params, module: string, y: tf.Tensor): tf.Tensor {
  const scale = params[scaleName(module)];
  return scale ? y.mul(scale) : y;
}
