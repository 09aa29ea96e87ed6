import type * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";

/** What a model expects of one input. */
export interface InputSpec {
  dtype: "float32" | "int32";
  /** Sizes; a name stands for any size, the same wherever it occurs among a model's inputs. */
  shape: readonly (number | string)[];
  optional?: true;
}

/** Floats of this shape. */
export function floats(...shape: (number | string)[]): InputSpec {
  return { dtype: "float32", shape };
}

/** Whole numbers of this shape. */
export function integers(...shape: (number | string)[]): InputSpec {
  return { dtype: "int32", shape };
}

/** The same, and may be left out. */
export function optional(spec: InputSpec): InputSpec {
  return { ...spec, optional: true };
}

/**
 * Checks the inputs of a model against what it expects, and casts those of another dtype.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { checkInputs, floats } from "./input_spec.ts";
 * await tf.setBackend("cpu");
 * const specs = { sample: floats("B", "h", "w", 4), timestep: floats("B") };
 * const inputs = { sample: tf.zeros([2, 8, 8, 4]), timestep: tf.tensor1d([1, 2], "int32") };
 * console.log(checkInputs("a UNet", specs, inputs).timestep!.dtype); // float32
 * ```
 *
 * @param model named in errors
 * @throws UserError that lists every input that is missing, unknown or of a wrong shape
 */
export function checkInputs(
  model: string,
  specs: Readonly<Record<string, InputSpec>>,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  const problems = Object.keys(inputs).filter((name) => !Object.hasOwn(specs, name))
    .map((name) => `${name}: there is no such input, only ${Object.keys(specs).join(", ")}`);
  const sizes = new Map<string, number>(), checked: Record<string, tf.Tensor> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const x = inputs[name];
    if (!x) {
      if (!spec.optional) problems.push(`${name}: missing, expected ${shapeText(spec.shape)}`);
    } else if (!fits(x.shape, spec.shape, sizes)) {
      const known = [...sizes].map(([size, value]) => `${size} = ${value}`).join(", ");
      const where = known && ` with ${known}`;
      problems.push(`${name}: got shape [${x.shape}], expected ${shapeText(spec.shape)}${where}`);
    } else {
      checked[name] = x.dtype === spec.dtype ? x : x.cast(spec.dtype);
    }
  }
  if (problems.length) throw new UserError(`inputs of ${model}:\n  ${problems.join("\n  ")}`);
  return checked;
}

/** Whether a shape has the sizes expected; named sizes met for the first time are noted down if all fit. */
function fits(
  shape: readonly number[],
  expected: readonly (number | string)[],
  sizes: Map<string, number>,
): boolean {
  if (shape.length !== expected.length) return false;
  const met = new Map(sizes);
  for (const [i, size] of expected.entries()) {
    if (typeof size === "number" ? shape[i] !== size : (met.get(size) ?? shape[i]) !== shape[i]) return false;
    if (typeof size === "string") met.set(size, shape[i]!);
  }
  for (const [name, size] of met) sizes.set(name, size);
  return true;
}

function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(",")}]`;
}
