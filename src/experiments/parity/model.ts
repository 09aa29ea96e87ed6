import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import {
  type LoadedModel,
  loadModel,
  type ModelInputs,
  type ModelOutputs,
} from "../../models/by_class/load_model.ts";
import { fromNCHW, toNCHW } from "../../models/image_layout.ts";
import { UserError } from "../../runtime/errors.ts";
import { vjp } from "../../tensor/vjp.ts";
import { onEngine, readRecorded } from "./recorded_tensors.ts";
import { type ParityRow, parityRow } from "./rows.ts";

/** The largest relative errors allowed. */
export interface Tolerances {
  outputs: number;
  gradients: number;
}

const GRADIENT = "grad_";

/**
 * Loads a model and compares its outputs with those recorded beside it, and each `grad_NAME` with the gradient by input
 * NAME of Σ out·cos(0, 1, …), where out is the model's main output, its elements counted in NCHW order.
 *
 * @throws UserError for a missing or broken file, an unsupported class, and names or shapes that do not fit
 */
export async function modelParity(folder: string, tolerances: Tolerances): Promise<ParityRow[]> {
  const given = await readRecorded(join(folder, "inputs.safetensors"));
  const recorded = await readRecorded(join(folder, "outputs.safetensors"));
  const names = Object.keys(recorded), gradients = names.filter((name) => name.startsWith(GRADIENT));
  const outputs = names.filter((name) => !gradients.includes(name));
  const model = await loadModel(folder);
  const inputs = Object.fromEntries(
    Object.entries(given).map(([name, x]) => [name, tf.tidy(() => fromNCHW(onEngine(x)))]),
  );
  const rows: ParityRow[] = [];
  const compare = async (computed: Record<string, tf.Tensor>, tolerance: number) => {
    try {
      for (const [name, x] of Object.entries(computed)) {
        rows.push(parityRow(name, { shape: x.shape, data: await x.data() }, recorded[name]!, tolerance));
      }
    } finally {
      tf.dispose(computed);
    }
  };
  try {
    await compare(recordedOutputs(model, inputs, outputs), tolerances.outputs);
    for (const name of gradients) {
      const gradient = inputGradient(model, inputs, name.slice(GRADIENT.length));
      await compare({ [name]: gradient }, tolerances.gradients);
    }
    return rows;
  } finally {
    tf.dispose(inputs);
    model.dispose();
  }
}

function recordedOutputs(
  model: LoadedModel,
  inputs: ModelInputs,
  names: string[],
): Record<string, tf.Tensor> {
  return tf.tidy(() => {
    const outputs = model.call(inputs);
    return Object.fromEntries(
      names.map((name) => [name, toNCHW(outputNamed(outputs, name, model.className))]),
    );
  });
}

/** An output by its recorded name: `hidden_3` is entry 3 of `hidden_states`, `penultimate` the last but one. */
function outputNamed(outputs: ModelOutputs, name: string, className: string): tf.Tensor {
  const output = outputs[name], { hidden_states } = outputs;
  if (output && !Array.isArray(output)) return output;
  if (Array.isArray(hidden_states)) {
    const index = name === "penultimate" ? -2 : Number(/^hidden_(\d+)$/.exec(name)?.[1] ?? NaN);
    const state = hidden_states.at(index);
    if (!Number.isNaN(index) && state) return state;
  }
  const known = Object.entries(outputs).map(([name, output]) =>
    Array.isArray(output) ? `hidden_0 to hidden_${output.length - 1}, penultimate` : name
  );
  throw new UserError(
    `outputs.safetensors: ${className} has no output ${name}; it has ${known.join(", ")}, and grad_INPUT`,
  );
}

function inputGradient(model: LoadedModel, inputs: ModelInputs, name: string): tf.Tensor {
  const input = inputs[name];
  if (!input || input.dtype !== "float32") {
    throw new UserError(
      `outputs.safetensors: there is no gradient by ${name}; expected an input of floats, out of ${
        Object.keys(inputs).join(", ")
      }`,
    );
  }
  return tf.tidy(() => {
    const mainOutput = (x: tf.Tensor) =>
      toNCHW(Object.values(model.call({ ...inputs, [name]: x }))[0] as tf.Tensor);
    const { grads } = vjp(mainOutput, [input], cosines, { unconnected: "zeros" });
    return toNCHW(grads[0]!);
  });
}

/** cos(0), cos(1), …, in float64: float32 cosines of large arguments differ between libraries. */
function cosines({ size, shape }: tf.Tensor): tf.Tensor {
  return tf.tensor(Float32Array.from({ length: size }, (_, i) => Math.cos(i)), shape);
}
