import * as tf from "@tensorflow/tfjs";
import type { StepMetrics } from "../training/loop.ts";

/** Reads scalars, asynchronously as WebGPU needs it, and disposes them. */
export async function readNumbers(scalars: Record<string, tf.Tensor>): Promise<StepMetrics> {
  const entries = Object.entries(scalars);
  const values = await Promise.all(entries.map(async ([name, x]) => [name, (await x.data())[0]!] as const));
  tf.dispose(scalars);
  return Object.fromEntries(values);
}
