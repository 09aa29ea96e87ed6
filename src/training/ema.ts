import * as tf from "@tensorflow/tfjs";

/**
 * Decay of an exponential moving average at update `step` (1, 2, …): it rises from 0.18 to `decay`, so that the start
 * values are soon forgotten: min(decay, (1+step)/(10+step)).
 */
export function emaDecay(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/** decay·average + (1−decay)·weights; `decay` a scalar tensor, so that a compiled step takes it as an input. */
export function emaUpdate(average: tf.Tensor1D, weights: tf.Tensor1D, decay: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => weights.add(average.sub(weights).mul(decay)) as tf.Tensor1D);
}
