// Run by memory_test.ts in a process of its own: prints the bytes of activations of one trained call, and the process's
// peak memory after steps of a short roll-out, of a long one, and of a long one with many trained steps.
import * as tf from "@tensorflow/tfjs";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adtStep } from "../../src/adt/step.ts";
import { memoryUse } from "../../src/runtime/engine/memory.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { startTestEngine } from "../support.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

const size = { side: 32, batch: 4, channels: 32 };

async function peakAfter(steps: number, trained: number): Promise<number> {
  const plan = { kind: "stop-input", steps: trained } as const;
  const { setup, batch, start, dispose } = tinyTuning({ plan, imageToImage: false }, { ...size, steps });
  const functions = adtFunctions(setup);
  let state = start();
  for (let step = 1; step <= 2; step++) ({ state } = await adtStep(setup, functions, state, batch, step));
  tf.dispose(state);
  functions.dispose();
  dispose();
  return memoryUse().peakResidentBytes;
}

/** What a tape keeps of one network call. */
function activations(): number {
  const { setup, batch, start, dispose } = tinyTuning({}, size), state = start();
  let bytes = 0;
  tf.tidy(() => {
    const x = batch.latents, t = tf.fill([size.batch], 500), before = tf.memory().numBytes;
    const call = (weights: tf.Tensor) => setup.denoiser.forward(setup.params(weights), x, t, batch.condition);
    vjp(call, [state.generator.weights], (y) => {
      bytes = tf.memory().numBytes - before;
      return tf.onesLike(y);
    });
  });
  tf.dispose(state);
  dispose();
  return bytes;
}

const peaks = [await peakAfter(4, 1), await peakAfter(24, 1), await peakAfter(24, 10)];
console.log(JSON.stringify({ peaks, oneCall: activations() }));
