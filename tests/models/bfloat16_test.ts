// bfloat16 products, in this project and in PyTorch's autocast, against float32: neither is to be further off than the other.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type LoadedModel, loadModel } from "../../src/models/by_class/load_model.ts";
import { fromNCHW, toNCHW } from "../../src/models/image_layout.ts";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { compile } from "../../src/tensor/compile.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { fixture, startTestEngine } from "../support.ts";

await startTestEngine();

type Arrays = Record<string, ArrayLike<number>>;

const CASES = {
  unet_sd15: "sample",
  unet_sdxl: "sample",
  mmdit_sd3: "hidden_states",
  vae_sd15: "latent",
  dinov2: "pixel_values",
};

/** Outputs that PyTorch recorded, by name. */
async function recorded(path: string): Promise<Arrays> {
  const tensors = await readTensors(fixture(path));
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));
}

/** The same outputs by this project, with products in bfloat16. */
async function computed(name: string, by: string, names: string[]): Promise<Arrays> {
  const given = await readTensors(fixture(`${name}/inputs.safetensors`));
  const inputs = Object.fromEntries(
    Object.entries(given).map(([key, { data, shape }]) => {
      const dtype = data instanceof Int32Array ? "int32" : "float32";
      return [key, tf.tidy(() => fromNCHW(tf.tensor(data, [...shape], dtype)))];
    }),
  );
  const model = await loadModel(fixture(name));
  const run = compile((x: tf.Tensor) => outputsAndGradient(model, inputs, by, x), { precision: "bfloat16" });
  const results = run(inputs[by]!);
  try {
    const entries = names.map(async (key) => [key, await results[key]!.data()] as const);
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    run.dispose();
    model.dispose();
    tf.dispose([results, inputs]);
  }
}

function outputsAndGradient(model: LoadedModel, inputs: Record<string, tf.Tensor>, by: string, x: tf.Tensor) {
  const call = (x: tf.Tensor) => model.call({ ...inputs, [by]: x });
  const { grads } = vjp((x) => toNCHW(Object.values(call(x!))[0] as tf.Tensor), [x], cosines);
  const outputs = Object.entries(call(x)).filter((entry): entry is [string, tf.Tensor] =>
    !Array.isArray(entry[1])
  );
  return {
    ...Object.fromEntries(outputs.map(([key, y]) => [key, toNCHW(y)])),
    [`grad_${by}`]: toNCHW(grads[0]!),
  } as Record<string, tf.Tensor>;
}

const cosines = ({ size, shape }: tf.Tensor) =>
  tf.tensor(Float32Array.from({ length: size }, (_, i) => Math.cos(i)), shape);

/** Length of the difference as a share of the reference's. */
function distance(a: ArrayLike<number>, reference: ArrayLike<number>): number {
  let difference = 0, length = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (a[i]! - reference[i]!) ** 2;
    length += reference[i]! ** 2;
  }
  return Math.sqrt(difference / length);
}

for (const [name, by] of Object.entries(CASES)) {
  Deno.test({
    name: `bfloat16: ${name} is as near to float32 as PyTorch's own bfloat16`,
    ignore: !onTensorflow(),
    async fn() {
      const exact = await recorded(`${name}/outputs.safetensors`);
      const theirs = await recorded(`bfloat16/${name}.safetensors`);
      const ours = await computed(name, by, Object.keys(theirs));
      for (const key of Object.keys(theirs)) {
        const error = distance(ours[key]!, exact[key]!), pytorchs = distance(theirs[key]!, exact[key]!);
        assert.ok(error <= 1.25 * pytorchs, `${key}: ${error}, PyTorch's is ${pytorchs}`);
        assert.ok(distance(ours[key]!, theirs[key]!) <= 2 * pytorchs, `${key}: apart from PyTorch's`);
      }
    },
  });
}
