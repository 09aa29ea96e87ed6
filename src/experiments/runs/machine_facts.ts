import * as tf from "@tensorflow/tfjs";
import { machineMemory } from "../../runtime/machine_memory.ts";

/** Versions, engine and machine, as reports state them. */
export function machineFacts(): Record<string, string> {
  const memory = machineMemory();
  return {
    Deno: Deno.version.deno,
    "TensorFlow.js": tf.version_core,
    engine: tf.getBackend(),
    system: `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`,
    ...memory && { memory: `${(memory.total / 2 ** 30).toFixed(1)} GiB` },
    date: new Date().toISOString().slice(0, 10),
  };
}
