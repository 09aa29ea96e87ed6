import * as tf from "@tensorflow/tfjs";
import { initParams } from "../nn/declare.ts";
import { startEngine } from "../runtime/engine/engine.ts";
import { normal } from "../runtime/random.ts";
import type { Params } from "../tensor/params.ts";
import { writeTensors } from "../weights/safetensors.ts";
import { download } from "./draws.ts";
import { layerFunction } from "./layer_functions.ts";
import type { MeasuredLayer } from "./layers.ts";
import { SEED } from "./settings.ts";

/**
 * Writes what a measured layer takes, by name: its inputs and weights, and the `cotangent` of its output. Computes on
 * WebAssembly, which stays this process's engine.
 */
export async function writeLayerFile(path: string, layer: MeasuredLayer): Promise<void> {
  await startEngine({ backend: "wasm", precision: "float32" });
  const weights = initParams(layerFunction(layer).declarations, SEED);
  if (layer.kind === "group-norm-silu") shiftToLinear(weights);
  const inputs = layer.inputs.map((name) => [name, draw(name, layer.shape)]);
  const cotangent = draw("cotangent", outputShape(layer));
  const tensors = { ...Object.fromEntries(inputs), ...weights, cotangent };
  await writeTensors(path, await download(tensors));
}

/** Shifts to where SiLU is nearly linear: around zero, chained, it would make rounding errors grow. */
function shiftToLinear(weights: Params): void {
  for (const [name, x] of Object.entries(weights).filter(([name]) => name.endsWith(".bias"))) {
    weights[name] = tf.onesLike(x);
    x.dispose();
  }
}

function outputShape({ kind, shape }: MeasuredLayer): number[] {
  return kind === "geglu" ? [...shape.slice(0, -1), shape.at(-1)! / 2] : shape;
}

function draw(name: string, shape: number[]): tf.Tensor {
  const key = { seed: SEED, purpose: `benchmark ${name}`, step: 0, sample: 0 };
  return tf.tensor(normal(key, tf.util.sizeFromShape(shape)), shape);
}
