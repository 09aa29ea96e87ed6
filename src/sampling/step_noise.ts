import * as tf from "@tensorflow/tfjs";
import { normalBatch, type StepKey } from "../runtime/random.ts";

/**
 * The fresh noise of a stochastic sampler's steps, for `sample`'s option `noise`: each sample has its own, whatever the
 * batch, and a path that starts later has the same at the calls it shares.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { stepNoise } from "./step_noise.ts";
 * await tf.setBackend("cpu");
 * const noise = stepNoise({ seed: 0, purpose: "sampling", step: 0 }, [7, 8], [4, 4, 1]);
 * console.log(noise(3).shape); // [2, 4, 4, 1]
 * ```
 *
 * @param samples the samples' own numbers [B]
 * @param shape of one sample [h,w,c]
 * @returns standard normal noise [B,h,w,c] of a call, a new tensor each time
 */
export function stepNoise(
  key: StepKey,
  samples: ArrayLike<number>,
  shape: readonly number[],
): (call: number) => tf.Tensor {
  return (call) => {
    const values = normalBatch({ ...key, purpose: `${key.purpose}, call ${call}` }, samples, shape);
    return tf.tensor(values, [samples.length, ...shape]);
  };
}
