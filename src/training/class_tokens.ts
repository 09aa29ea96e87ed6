import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";

/**
 * Class labels as the text tokens of a `UNet2DConditionModel`: one one-hot token for each sample, [B,1,classes+1]. The
 * last place is the null token of classifier-free guidance (label −1).
 */
export function classTokens(labels: ArrayLike<number>, classes: number): Condition {
  const width = classes + 1, tokens = new Float32Array(labels.length * width);
  for (let i = 0; i < labels.length; i++) tokens[i * width + (labels[i]! < 0 ? classes : labels[i]!)] = 1;
  return { encoder_hidden_states: tf.tensor3d(tokens, [labels.length, 1, width]) };
}

/** The labels with each replaced by −1 (no condition) where its number of `uniforms` is below `probability`. */
export function dropLabels(
  labels: ArrayLike<number>,
  uniforms: ArrayLike<number>,
  probability: number,
): Int32Array {
  return Int32Array.from(labels, (label, i) => uniforms[i]! < probability ? -1 : label);
}
