import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
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

/**
 * Fails for a state from a checkpoint that is not of this training's networks: every vector of it has another length.
 *
 * @param what network it is of
 * @throws UserError
 */
export function expectSize(found: readonly tf.Tensor1D[], size: number, what: string): void {
  const other = found.find((x) => x.size !== size);
  if (!other) return;
  throw new UserError(
    `the checkpoint is of another ${what}: it has ${other.size} trained numbers, that of this run ${size}. Was a model that ` +
      "the run's configuration names replaced? Bring it back, or start a new run in another folder",
  );
}

/** The state of a training that starts from the given weights [P], which it takes over; all of it is float32. */
export function initialState(weights: tf.Tensor1D): TrainingState {
  const trained = storedAs(weights, "float32");
  weights.dispose();
  return { weights: trained, moments: zeroMoments(trained.size), average: trained.clone() };
}
