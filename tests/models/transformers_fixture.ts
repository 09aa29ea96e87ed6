import type * as tf from "@tensorflow/tfjs";
import { onEngine, readRecorded } from "../../src/experiments/parity/recorded_tensors.ts";
import { fromNCHW } from "../../src/models/image_layout.ts";
import type { Model } from "../../src/models/model.ts";
import { loadTransformersParams } from "../../src/models/transformers_params.ts";
import type { Params } from "../../src/tensor/params.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { type Config, readConfig } from "../../src/weights/config.ts";
import { fromCheckpointLayout } from "../../src/weights/layout.ts";
import { assertClose, fixture } from "../support.ts";
import { cosines } from "./recorded.ts";

type Tensors = Record<string, tf.Tensor>;

/** A recorded case: the model with its weights and inputs, and what PyTorch computed. */
export async function loadCase<Inputs, Output>(
  name: string,
  build: (config: Config) => Model<unknown, Inputs, Output>,
): Promise<{ model: Model<unknown, Inputs, Output>; params: Params; inputs: Inputs; expected: Tensors }> {
  const folder = fixture(name), model = build(await readConfig(folder));
  const params = await loadTransformersParams(folder, model.declarations);
  const { pixel_values, ...inputs } = await read(`${folder}/inputs.safetensors`);
  const images = pixel_values ? { pixel_values: fromNCHW(pixel_values) } : {};
  const expected = await read(`${folder}/outputs.safetensors`);
  return { model, params, inputs: { ...inputs, ...images } as Inputs, expected };
}

/** Fails unless every output recorded under a name that `actual` has is met. */
export function assertOutputs(actual: Record<string, tf.Tensor>, expected: Tensors): void {
  for (const [name, tensor] of Object.entries(actual)) {
    if (!expected[name]) throw new Error(`no output ${name} was recorded`);
    assertClose(tensor, expected[name], { relative: 1e-4 });
  }
}

/** Fails unless the gradient of Σ out·cos(arange) is the one recorded, for every weight that has one. */
export async function assertWeightGradients(
  name: string,
  params: Params,
  output: (params: Params) => tf.Tensor,
): Promise<number> {
  const recorded = await read(`${fixture(name)}/gradients.safetensors`);
  const names = Object.keys(params).filter((key) => recorded[stripped(key, recorded)]);
  const { grads } = vjp(
    (...weights) => output({ ...params, ...Object.fromEntries(names.map((key, i) => [key, weights[i]!])) }),
    names.map((key) => params[key]!),
    cosines,
  );
  for (const [i, key] of names.entries()) {
    const expected = fromCheckpointLayout(recorded[stripped(key, recorded)]!);
    // the keys' biases shift all scores of a row alike: their gradient is rounding only
    const absolute = key.endsWith("k_proj.bias") ? 1e-4 : 0;
    assertClose(grads[i]!, expected, { relative: 1e-3, absolute });
  }
  return names.length;
}

function stripped(key: string, recorded: Tensors): string {
  return key in recorded ? key : key.replace("text_model.", "");
}

async function read(path: string): Promise<Tensors> {
  const tensors = await readRecorded(path);
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, onEngine(tensor)]));
}
