import type * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Condition } from "../../sampling/denoiser.ts";
import { readTensors } from "../../weights/safetensors.ts";
import { upload } from "../draws.ts";
import { FILES } from "./job.ts";

/** What all sides read: see `stepInputs`. */
export async function readInputs(files: string): Promise<Record<string, tf.Tensor>> {
  const tensors = Object.entries(await readTensors(join(files, FILES.inputs)));
  return Object.fromEntries(tensors.map(([name, x]) => [name, upload(x)]));
}

/** What of the inputs is the caption's condition. */
export function conditionOf(inputs: Record<string, tf.Tensor>): Condition {
  const prefix = "condition.", tensors = Object.entries(inputs);
  return Object.fromEntries(
    tensors.filter(([name]) => name.startsWith(prefix)).map(([name, x]) => [name.slice(prefix.length), x]),
  );
}
