import * as tf from "@tensorflow/tfjs";
import type { AdtState } from "../../adt/setup.ts";
import { adtState } from "../runs/state_tensors.ts";
import type { Tuning } from "./tuning.ts";

/**
 * The state that a checkpoint holds, in place of the tuning's initial one, which is freed.
 *
 * @param tensors of the checkpoint: the state's, or freed with the tuning when this fails
 * @throws UserError for a checkpoint of other networks
 */
export function resumedState(tensors: Record<string, tf.Tensor>, { initial, dispose }: Tuning): AdtState {
  try {
    return adtState(tensors, initial);
  } catch (error) {
    tf.dispose(tensors);
    dispose();
    throw error;
  } finally {
    tf.dispose(initial);
  }
}
