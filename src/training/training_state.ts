import type * as tf from "@tensorflow/tfjs";
import { storedAs } from "../runtime/tensorflow/stored.ts";
import { type Moments, zeroMoments } from "./adamw.ts";

/** What training changes, as flat vectors [P]. Which number belongs to which weight is a `Layout`. */
export type TrainingState = {
  weights: tf.Tensor1D;
  /** The optimiser's. */
  moments: Moments;
  /** The averaged (EMA) weights: the result of a training. */
  average: tf.Tensor1D;
};

/** The state of a training that starts from the given weights [P], which it takes over; all of it is float32. */
export function initialState(weights: tf.Tensor1D): TrainingState {
  const trained = storedAs(weights, "float32");
  weights.dispose();
  return { weights: trained, moments: zeroMoments(trained.size), average: trained.clone() };
}
