import type * as tf from "@tensorflow/tfjs";
import { type Moments, zeroMoments } from "./adamw.ts";

/** What training changes, as flat vectors [P]: weights, the optimiser's moments and the averaged (EMA) weights. */
export type TrainingState = {
  weights: tf.Tensor1D;
  moments: Moments;
  average: tf.Tensor1D;
};

/** The state of a training that starts from the given weights [P], which it takes over. */
export function initialState(weights: tf.Tensor1D): TrainingState {
  return { weights, moments: zeroMoments(weights.size), average: weights.clone() };
}
