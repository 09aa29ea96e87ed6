import * as tf from "@tensorflow/tfjs";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adtStep } from "../../src/adt/step.ts";
import { steadyTensors } from "../support.ts";
import type { tinyTuning } from "./tiny_setup.ts";

/** Fails when steps of a tuning pile up tensors. */
export function assertSteadySteps(tuning: () => ReturnType<typeof tinyTuning>, steps: number): Promise<void> {
  return steadyTensors(async (after) => {
    const { setup, batch, start, dispose } = tuning(), functions = adtFunctions(setup);
    let state = start();
    for (let step = 1; step <= steps; step++) {
      ({ state } = await adtStep(setup, functions, state, batch, step));
      after();
    }
    tf.dispose(state);
    functions.dispose();
    dispose();
  });
}
