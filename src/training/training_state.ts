import type * as tf from "@tensorflow/tfjs";
import { type Moments, zeroMoments } from "./adamw.ts";

/** What training changes, as flat vectors [P]. Which number belongs to which weight is a `Layout`. */
export type TrainingState = {
  weights: tf.Tensor1D;
  /** The optimiser's. */
  moments: Moments;
  /** The averaged (EMA) weights: the result of a training. */
  average: tf.Tensor1D;
};

/** The state of a training that starts from the given weights [P], which it takes over. */
export function initialState(weights: tf.Tensor1D): TrainingState {
  return { weights, moments: zeroMoments(weights.size), average: weights.clone() };
}
