import * as tf from "@tensorflow/tfjs";
import { adtFunctions } from "../../adt/functions.ts";
import type { AdtState } from "../../adt/setup.ts";
import { adtStep } from "../../adt/step.ts";
import type { Tuning } from "./tuning.ts";

/** A tuning of which nothing is written. */
export interface TuningInMemory extends Disposable {
  readonly state: AdtState;
  /** Does step number `step`. */
  step(step: number): Promise<void>;
}

/** Holds a tuning in memory alone, to be timed; disposing it frees the tuning, too. */
export function tuningInMemory(tuning: Tuning): TuningInMemory {
  const functions = adtFunctions(tuning.setup);
  let state = tuning.initial;
  return {
    get state() {
      return state;
    },
    async step(step) {
      const batch = await tuning.batch(step);
      ({ state } = await adtStep(tuning.setup, functions, state, batch, step));
      tf.dispose({ ...batch });
    },
    [Symbol.dispose]() {
      functions.dispose();
      tuning.dispose();
      tf.dispose(state);
    },
  };
}
