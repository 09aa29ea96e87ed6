import * as tf from "@tensorflow/tfjs";
import { fusedOp, onFusedOps } from "../tensor/fused_op.ts";

/**
 * Decay of an exponential moving average at update `step` (1, 2, …): min(decay, (1+step)/(10+step)), which rises from
 * 0.18 to `decay`, so that the start values are soon forgotten (the
 * rule of TensorFlow's `ExponentialMovingAverage` with `num_updates`).
 *
 * ```ts
 * import { emaDecay } from "./ema.ts";
 * console.log(emaDecay(1, 0.99), emaDecay(1000, 0.99)); // 0.18181818181818182 0.99
 * ```
 */
export function emaDecay(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/**
 * decay·average + (1−decay)·weights. A decay that changes from step to step is an input of a compiled step, so it is a
 * tensor.
 *
 * @param average [P]
 * @param weights [P]
 * @param decay scalar, see `emaDecay`
 * @returns the new average [P]
 */
export function emaUpdate(average: tf.Tensor1D, weights: tf.Tensor1D, decay: tf.Tensor): tf.Tensor1D {
  if (onFusedOps()) return fusedOp("Lerp", {}, [weights, average, decay], [weights.shape])[0] as tf.Tensor1D;
  return tf.tidy(() => weights.add(average.sub(weights).mul(decay)) as tf.Tensor1D);
}
