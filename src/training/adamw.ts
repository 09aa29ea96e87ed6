import * as tf from "@tensorflow/tfjs";
import { fusedOp, onFusedOps } from "../tensor/fused_op.ts";
import { globalNorm } from "../tensor/global_norm.ts";

/** Settings of AdamW (Loshchilov & Hutter 2019), with PyTorch's meaning. */
export interface AdamWOptions {
  /** Decay of the running means of the gradient and of its square. */
  betas: [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  /** Decoupled: each update also subtracts learning rate · weightDecay · weights. */
  weightDecay: number;
  /** Gradients with a larger global norm are scaled down to it. */
  clipNorm: number;
}

/** Moments of one flat weight vector [P]; which weight each number belongs to is the vector's `Layout`. */
export type Moments = {
  /** Running mean of the gradient [P]. */
  first: tf.Tensor1D;
  /** Running mean of its square [P]. */
  second: tf.Tensor1D;
};

/**
 * Moments (zeros) of a flat vector of `length` weights that has not been trained yet. The engine fills them: `tf.zeros`
 * would also hold each as an array of JavaScript, until the garbage collector comes by.
 */
export function zeroMoments(length: number): Moments {
  return { first: tf.fill([length], 0), second: tf.fill([length], 0) };
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

/** What `adamw` gives; all of it new tensors, the caller's to dispose. */
export type AdamWResult = {
  /** [P] */
  weights: tf.Tensor1D;
  moments: Moments;
  /** Global norm of the gradient before clipping; not finite when the update was skipped. */
  gradNorm: tf.Scalar;
};

/**
 * One AdamW update of a flat weight vector (Loshchilov & Hutter 2019, algorithm 2), with clipping by global norm before
 * it. A gradient whose norm is not finite changes nothing: weights and moments come back as they were (the norm tells).
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { adamw, type AdamWOptions, stepScalars, zeroMoments } from "./adamw.ts";
 * await tf.setBackend("cpu");
 * const settings: AdamWOptions = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, clipNorm: 1 };
 * const start = tf.tensor1d([1, 1]), gradient = tf.tensor1d([3, -4]);
 * const scalars = stepScalars(1, 0.1, settings.betas);
 * const { weights, gradNorm } = adamw(start, zeroMoments(2), gradient, scalars, settings);
 * console.log(weights.arraySync(), gradNorm.arraySync()); // about [0.899, 1.099], 5
 * ```
 *
 * @param weights [P]
 * @param moments of the same vector, from `zeroMoments` or the update before
 * @param grad [P]
 * @param scalars of this update, from `stepScalars`
 */
export function adamw(
  weights: tf.Tensor1D,
  moments: Moments,
  grad: tf.Tensor,
  scalars: tf.Tensor1D,
  options: AdamWOptions,
): AdamWResult {
  return onFusedOps()
    ? fusedUpdate(weights, moments, grad, scalars, options)
    : update(weights, moments, grad, scalars, options);
}

/** In one pass by this project's kernel. */
function fusedUpdate(...[weights, moments, grad, scalars, options]: Parameters<typeof adamw>): AdamWResult {
  const { betas: [beta1, beta2], eps, weightDecay, clipNorm } = options, { shape } = weights;
  const [updated, first, second, gradNorm] = fusedOp(
    "AdamW",
    { rest1: 1 - beta1, rest2: 1 - beta2, eps, weight_decay: weightDecay, clip_norm: clipNorm },
    [weights, moments.first, moments.second, grad, scalars],
    [shape, shape, shape, []],
  ) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Scalar];
  return { weights: updated, moments: { first, second }, gradNorm };
}

function update(...[weights, moments, grad, scalars, options]: Parameters<typeof adamw>): AdamWResult {
  const { betas: [beta1, beta2], eps, weightDecay, clipNorm } = options;
  return tf.tidy(() => {
    const [lr, correction1, correction2] = tf.unstack(scalars) as [tf.Scalar, tf.Scalar, tf.Scalar];
    const gradNorm = globalNorm(grad);
    const finite = tf.isFinite(gradNorm);
    const clipped = tf.where(finite, grad.mul(tf.minimum(1, tf.div(clipNorm, gradNorm.add(1e-12)))), 0);
    const decayed = (moment: tf.Tensor1D, beta: number) => moment.mul(tf.where(finite, beta, 1));
    const first = decayed(moments.first, beta1).add<tf.Tensor1D>(clipped.mul(1 - beta1));
    const second = decayed(moments.second, beta2).add<tf.Tensor1D>(clipped.square().mul(1 - beta2));
    const direction = first.mul(correction1).div(second.mul(correction2).sqrt().add(eps));
    const change = direction.add(weights.mul(weightDecay)).mul(tf.where(finite, lr, 0));
    return { weights: weights.sub<tf.Tensor1D>(change), moments: { first, second }, gradNorm };
  });
}
