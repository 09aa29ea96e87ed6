import * as tf from "@tensorflow/tfjs";
import type { PredictionType } from "./denoiser.ts";

/** A quantity that is linear in a state x and a network output m: `x`·x + `m`·m. */
export interface LinearForm {
  x: number;
  m: number;
}

/**
 * Converts between prediction types: the coefficients that turn the state x = α·x0 + σ·ε and an output m of
 * type `from` into an output of type `to`. v = α·ε − σ·x0 (Salimans & Ho 2022, section 4); formulas with it suppose
 * α² + σ² = 1.
 *
 * ```ts
 * import { convertPrediction } from "./prediction.ts";
 * console.log(convertPrediction("epsilon", "sample", 0.8, 0.6)); // x0 = (x − 0.6·m) / 0.8: { x: 1.25, m: -0.75 }
 * ```
 *
 * Coefficients are not finite where `from` says nothing about `to`: epsilon at α = 0, sample at σ = 0.
 */
export function convertPrediction(
  from: PredictionType,
  to: PredictionType,
  alpha: number,
  sigma: number,
): LinearForm {
  const { x0, epsilon } = solve(from, alpha, sigma);
  switch (to) {
    case "sample":
      return x0;
    case "epsilon":
      return epsilon;
    case "v_prediction":
      return { x: alpha * epsilon.x - sigma * x0.x, m: alpha * epsilon.m - sigma * x0.m };
    case "flow":
      return { x: epsilon.x - x0.x, m: epsilon.m - x0.m };
  }
}

/** Solves x = α·x0 + σ·ε and the definition of m for x0 and ε. */
function solve(from: PredictionType, alpha: number, sigma: number): { x0: LinearForm; epsilon: LinearForm } {
  switch (from) {
    case "epsilon":
      return { x0: { x: 1 / alpha, m: -sigma / alpha }, epsilon: { x: 0, m: 1 } };
    case "sample":
      return { x0: { x: 0, m: 1 }, epsilon: { x: 1 / sigma, m: -alpha / sigma } };
    case "v_prediction":
      return { x0: { x: alpha, m: -sigma }, epsilon: { x: sigma, m: alpha } };
    case "flow": {
      const sum = alpha + sigma;
      return { x0: { x: 1 / sum, m: -sigma / sum }, epsilon: { x: 1 / sum, m: alpha / sum } };
    }
  }
}

/**
 * What a network of this type should output for x = α·x0 + σ·ε: the target of the diffusion loss.
 *
 * @param x0 [B,h,w,c]
 * @param epsilon [B,h,w,c]
 * @param alpha,sigma numbers, or tensors that broadcast, e.g. [B,1,1,1]
 * @returns [B,h,w,c], a tensor of its own
 */
export function predictionTarget(
  type: PredictionType,
  x0: tf.Tensor,
  epsilon: tf.Tensor,
  alpha: tf.Tensor | number,
  sigma: tf.Tensor | number,
): tf.Tensor {
  switch (type) {
    case "epsilon":
      return tf.clone(epsilon);
    case "sample":
      return tf.clone(x0);
    case "v_prediction":
      return tf.tidy(() => tf.sub(tf.mul(epsilon, alpha), tf.mul(x0, sigma)));
    case "flow":
      return tf.sub(epsilon, x0);
  }
}

/**
 * Noises clean states: x = α·x0 + σ·ε.
 *
 * @param x0 [B,h,w,c]
 * @param epsilon [B,h,w,c]
 * @param alpha,sigma numbers, or tensors that broadcast, e.g. [B,1,1,1]
 */
export function diffuse(
  x0: tf.Tensor,
  epsilon: tf.Tensor,
  alpha: tf.Tensor | number,
  sigma: tf.Tensor | number,
): tf.Tensor {
  return tf.tidy(() => tf.add(tf.mul(x0, alpha), tf.mul(epsilon, sigma)));
}
