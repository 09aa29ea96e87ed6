import * as tf from "@tensorflow/tfjs";

/** Settings of AdamW (Loshchilov & Hutter 2019). */
export interface AdamWOptions {
  betas: [number, number];
  eps: number;
  weightDecay: number;
  /** Gradients with a larger global norm are scaled down to it. */
  clipNorm: number;
}

/** Moments of one flat weight vector [P]; which weight each number belongs to is the vector's `Layout`. */
export type Moments = {
  first: tf.Tensor1D;
  second: tf.Tensor1D;
};

/** Moments of a flat vector of `length` weights that has not been trained yet. */
export function zeroMoments(length: number): Moments {
  return { first: tf.zeros([length]), second: tf.zeros([length]) };
}

/**
 * The numbers of update number `step` (1, 2, …) that change from step to step, as a tensor [3], so that a compiled
 * update takes them as an input: learning rate and the two bias corrections 1/(1−βᵗ).
 */
export function stepScalars(
  step: number,
  learningRate: number,
  [beta1, beta2]: [number, number],
): tf.Tensor1D {
  return tf.tensor1d([learningRate, 1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)]);
}

export type AdamWResult = {
  weights: tf.Tensor1D;
  moments: Moments;
  /** Global norm of the gradient before clipping; not finite when the update was skipped. */
  gradNorm: tf.Scalar;
};

/**
 * One AdamW update of a flat weight vector, with clipping by global norm. A gradient that is not finite changes
 * nothing: weights and moments come back as they were (the norm tells).
 */
export function adamw(
  weights: tf.Tensor1D,
  moments: Moments,
  grad: tf.Tensor,
  scalars: tf.Tensor1D,
  { betas: [beta1, beta2], eps, weightDecay, clipNorm }: AdamWOptions,
): AdamWResult {
  return tf.tidy(() => {
    const [lr, correction1, correction2] = tf.unstack(scalars) as [tf.Scalar, tf.Scalar, tf.Scalar];
    const gradNorm = grad.square().sum().sqrt() as tf.Scalar;
    const clipped = grad.mul(tf.minimum(1, tf.div(clipNorm, gradNorm.add(1e-12))));
    const first = moments.first.mul(beta1).add(clipped.mul(1 - beta1));
    const second = moments.second.mul(beta2).add(clipped.square().mul(1 - beta2));
    const direction = first.mul(correction1).div(second.mul(correction2).sqrt().add(eps));
    const next = weights.sub(direction.add(weights.mul(weightDecay)).mul(lr));
    const keep = (updated: tf.Tensor, before: tf.Tensor1D) =>
      tf.where(tf.isFinite(gradNorm), updated, before) as tf.Tensor1D;
    return {
      weights: keep(next, weights),
      moments: { first: keep(first, moments.first), second: keep(second, moments.second) },
      gradNorm,
    };
  });
}
