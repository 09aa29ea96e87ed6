import * as tf from "@tensorflow/tfjs";
import { compile } from "../tensor/compile.ts";
import type { Params } from "../tensor/params.ts";
import { vjp } from "../tensor/vjp.ts";
import { readTensors } from "../weights/safetensors.ts";
import { upload } from "./draws.ts";
import type { LayerJob } from "./job.ts";
import { layerFunction, sampled } from "./layer_functions.ts";
import type { Repeat } from "./repeat.ts";

/** A layer alone as one compiled function, with the gradients of all that it takes if they are asked for. */
export async function openLayer({ layer, gradients, inputs: path }: LayerJob): Promise<Repeat> {
  const { apply, declarations } = layerFunction(layer), stored = await readTensors(path);
  const names = [...layer.inputs, ...Object.keys(declarations)];
  const tensors = names.map((name) => upload(stored[name]!)), cotangent = upload(stored.cotangent!);
  const f = (...xs: tf.Tensor[]) => {
    const weights = names.map((name, i) => [name, xs[i]!] as const).slice(layer.inputs.length);
    return apply(Object.fromEntries(weights) as Params, xs.slice(0, layer.inputs.length));
  };
  const forward = (xs: tf.Tensor[]) => ({ output: sampled(f(...xs)) });
  const withGradients = (xs: tf.Tensor[], cotangent: tf.Tensor) => {
    const { value, grads } = vjp(f, xs, cotangent);
    const found = grads.map((gradient, i) => [`gradient of ${names[i]}`, sampled(gradient)]);
    return { output: sampled(value), ...Object.fromEntries(found) as Record<string, tf.Tensor> };
  };
  const call = compile(
    (xs: tf.Tensor[], cotangent: tf.Tensor): Record<string, tf.Tensor> =>
      gradients ? withGradients(xs, cotangent) : forward(xs),
    { name: layer.kind },
  );
  return async () => {
    const results = Object.entries(call(tensors, cotangent));
    const values = await Promise.all(results.map(async ([name, x]) => [name, await x.data()] as const));
    tf.dispose(results.map(([, x]) => x));
    return Object.fromEntries(values);
  };
}
