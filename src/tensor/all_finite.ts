import * as tf from "@tensorflow/tfjs";
import { storedFinite } from "../runtime/tensorflow/finite.ts";

/**
 * Whether no number of a tensor of floats is NaN or infinite, in whatever type it is stored.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { allFinite } from "./all_finite.ts";
 * await tf.setBackend("cpu");
 * console.log(await allFinite(tf.tensor1d([1, -2])), await allFinite(tf.tensor1d([1, NaN]))); // true false
 * ```
 */
export async function allFinite(x: tf.Tensor): Promise<boolean> {
  if (x.size === 0) return true;
  const known = await storedFinite(x);
  if (known !== undefined) return known;
  const sum = tf.tidy(() => x.mul(0).sum()); // 0·NaN and 0·∞ are NaN
  try {
    return (await sum.data())[0] === 0;
  } finally {
    sum.dispose();
  }
}
