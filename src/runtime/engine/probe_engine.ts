/**
 * Starts the engine that the first argument names, computes a gradient on it, measures it, and prints what it is as
 * JSON. `doctor` runs this as a process of its own: a library that crashes takes nothing else with it.
 */
import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.ts";
import { type NvidiaProblem, nvidiaProblem, nvidiaState } from "../install/cuda.ts";
import { startTensorflow } from "../tensorflow/install.ts";
import { kernelsMissing } from "../tensorflow/kernels.ts";
import type { Backend } from "./backends.ts";
import { startEngine } from "./engine.ts";
import { engineSpeed, speedText } from "./speed.ts";

/** What the process prints. */
export type Probe =
  | { description: string; speed: string; nvidia?: NvidiaProblem; kernels?: { missing?: string } }
  | { problem: string };

async function probe(backend: Backend): Promise<Probe> {
  try {
    const { description } = await startEngine({ backend });
    const image = tf.ones<tf.Rank.R4>([1, 4, 4, 1]), filter = tf.ones<tf.Rank.R4>([3, 3, 1, 1]);
    const gradient = tf.grad((w: tf.Tensor) => tf.conv2d(image, w as tf.Tensor4D, 1, "valid").sum())(filter);
    const values = await gradient.data();
    if (values.some((value) => value !== 4)) {
      return { problem: `it computes a wrong gradient: ${values}, not all 4` };
    }
    const speed = speedText(await engineSpeed());
    if (backend !== "tensorflow") return { description, speed };
    const nvidia = nvidiaProblem(nvidiaState(await startTensorflow("")));
    return { description, speed, nvidia, kernels: { missing: kernelsMissing() } };
  } catch (error) {
    const cause = error instanceof UserError && error.cause instanceof Error ? error.cause : error;
    return { problem: cause instanceof Error ? cause.message : String(cause) };
  }
}

if (import.meta.main) {
  console.log(JSON.stringify(await probe(Deno.args[0] as Backend)));
  Deno.exit(0);
}
