import * as tf from "@tensorflow/tfjs";
import { collectGarbage } from "../../src/runtime/engine/unreachable.ts";
import { residentMemory } from "../faults/memory.ts";

/** What a process holds after an update, when garbage is collected. */
export interface Sample {
  update: number;
  /** Resident memory, kB; and the most so far, garbage and all. */
  resident: number;
  peak: number;
  /** Of JavaScript's heap in use, kB. */
  heap: number;
  tensors: number;
  /** Milliseconds since the loop began, without those of the sampling. */
  at: number;
}

/** A function that samples this process. */
export function sampler(): (update: number) => Promise<Sample> {
  let begun = performance.now();
  return async (update) => {
    const at = performance.now() - begun;
    for (let i = 0; i < 3; i++) await collectGarbage(); // what is freed may have held more
    const { now, peak } = residentMemory();
    const heap = Deno.memoryUsage().heapUsed / 1024, tensors = tf.memory().numTensors;
    begun = performance.now() - at;
    return { update, resident: 1024 * now, peak: 1024 * peak, heap, tensors, at };
  };
}
