import * as tf from "@tensorflow/tfjs";
import type { Condition } from "../sampling/denoiser.ts";

/**
 * Class labels as the text tokens of a `UNet2DConditionModel`: one one-hot token for each sample,
 * `encoder_hidden_states` [B,1,classes+1]. The last place is the null token of classifier-free guidance.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { classTokens } from "./class_tokens.ts";
 * await tf.setBackend("cpu");
 * const { encoder_hidden_states } = classTokens([1, -1], 2);
 * console.log(encoder_hidden_states!.arraySync()); // [[[0, 1, 0]], [[0, 0, 1]]]
 * ```
 *
 * @param labels classes 0 … classes−1, or −1 for no condition, [B]
 * @throws RangeError for any other label
 */
export function classTokens(labels: ArrayLike<number>, classes: number): Condition {
  const width = classes + 1, tokens = new Float32Array(labels.length * width);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < -1 || label >= classes) {
      throw new RangeError(
        `label ${label} is no class; expected 0 to ${classes - 1}, or -1 for no condition`,
      );
    }
    tokens[i * width + (label < 0 ? classes : label)] = 1;
  }
  return { encoder_hidden_states: tf.tensor3d(tokens, [labels.length, 1, width]) };
}

/**
 * The labels with each replaced by −1 (no condition) where its number of `uniforms` is below `probability`: the dropout
 * that classifier-free guidance is trained with (Ho & Salimans 2022).
 *
 * @param labels [B]
 * @param uniforms numbers in [0,1), [B]
 */
export function dropLabels(
  labels: ArrayLike<number>,
  uniforms: ArrayLike<number>,
  probability: number,
): Int32Array {
  return Int32Array.from(labels, (label, i) => uniforms[i]! < probability ? -1 : label);
}
