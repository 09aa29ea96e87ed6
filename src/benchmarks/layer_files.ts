import * as tf from "@tensorflow/tfjs";
import { initParams } from "../nn/declare.ts";
import { startEngine } from "../runtime/engine/engine.ts";
import { normal } from "../runtime/random.ts";
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
  const { declarations } = layerFunction(layer);
  const inputs = layer.inputs.map((name) => [name, draw(name, layer.shape)]);
  const cotangent = draw("cotangent", outputShape(layer));
  const tensors = { ...Object.fromEntries(inputs), ...initParams(declarations, SEED), cotangent };
  await writeTensors(path, await download(tensors));
}

function outputShape({ kind, shape }: MeasuredLayer): number[] {
  return kind === "geglu" ? [...shape.slice(0, -1), shape.at(-1)! / 2] : shape;
}

function draw(name: string, shape: number[]): tf.Tensor {
  const key = { seed: SEED, purpose: `benchmark ${name}`, step: 0, sample: 0 };
  return tf.tensor(normal(key, tf.util.sizeFromShape(shape)), shape);
}
