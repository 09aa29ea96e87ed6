import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import type { ComputePrecision } from "../runtime/precision.ts";
import { backend } from "../runtime/tensorflow/backend.ts";
import { createRecording, type RecordedFunction } from "../runtime/tensorflow/recording.ts";
import { type Session, session } from "../runtime/tensorflow/session.ts";
import { storageOf } from "../runtime/tensorflow/stored.ts";
import { explainingRecording } from "./compile_errors.ts";
import { type RecordedVariables, recordedVariables } from "./recorded_variables.ts";
import { flattenTree } from "./tree.ts";

/** A function that TensorFlow knows by name, and the structure of its result. */
export interface CompiledFunction extends Omit<RecordedFunction, "free"> {
  /** The function's result with these tensors in it. */
  rebuild(tensors: readonly tf.Tensor[]): unknown;
  /** Variables whose values are inputs, after the arguments. */
  readonly reads: readonly tf.Variable[];
  /** Types that these are stored in. */
  readonly stored: readonly (number | undefined)[];
  /** Variables that get the last outputs. */
  readonly updates: readonly tf.Variable[];
  /** Keeps the function until the returned `release` is called, even if it is freed meanwhile. */
  hold(): () => void;
  free(): void;
}

/** Whether a function is being recorded. */
export const isRecording = ({ recorder }: Session): boolean => recorder !== undefined;

/**
 * Records `f` for inputs of these dtypes and shapes; nothing runs. Leaves no tensors behind and variables as they were,
 * whether it succeeds or throws.
 *
 * @throws UserError, TensorflowError, VariableMade, or what `f` throws
 */
export function recordFunction(
  f: (inputs: tf.Tensor[]) => unknown,
  inputs: readonly tf.Tensor[],
  options: { name: string; xla: boolean; precision: ComputePrecision },
): CompiledFunction {
  const node = backend(), variables = recordedVariables(options.name);
  const recording = createRecording(session(), options, variables.isVariable);
  let compiled: CompiledFunction | undefined;
  try {
    tf.tidy(() => {
      const symbolic = inputs.map((x) => {
        const dtype = storageOf(x) ?? node.getDTypeInteger(x.dtype);
        return node.createOutputTensor(recording.input(dtype, x.shape));
      });
      const { tensors, rebuild } = whileRecording(recording.recorder, variables, options.name, () => {
        const result = flattenTree(f(symbolic), `result of ${options.name}`);
        if (!result.tensors.length && !variables.updates().length) {
          throw new UserError(
            `${options.name} returned no tensor and assigned no variable: there is nothing to compile.`,
          );
        }
        return result;
      });
      const updates = variables.updates();
      const recorded = recording.finish(node.getInputTensorIds([...tensors, ...updates]), options.name);
      const { reads, stored } = variables;
      compiled = { ...recorded, rebuild, reads, stored, updates, ...sharedLifetime(recorded) };
    });
    return compiled!;
  } finally {
    variables.restore();
    recording.free();
  }
}

/** Frees a function once it was asked to and no call is under way. */
function sharedLifetime(recorded: RecordedFunction): Pick<CompiledFunction, "hold" | "free"> {
  let users = 1;
  const release = () => {
    if (--users === 0) recorded.free();
  };
  return {
    hold() {
      users++;
      return release;
    },
    free: release,
  };
}

/** Runs `f` with ops going to the recorder, and with what cannot be recorded replaced by errors. */
function whileRecording<T>(
  recorder: Session["recorder"],
  variables: RecordedVariables,
  name: string,
  f: () => T,
): T {
  const running = session(), { random } = Math;
  running.recorder = recorder;
  Math.random = () => {
    throw new UserError(
      `Random numbers were drawn (tf.randomNormal and the like, tf.dropout, or Math.random) while compile() records ` +
        `${name}: they would be the same at every call. Draw them outside and pass them in as a tensor, ` +
        "or take freshNormal() or freshUniform() of tensor/fresh_random.ts.",
    );
  };
  try {
    return explainingRecording(name, () => variables.watch(f));
  } finally {
    running.recorder = undefined;
    Math.random = random;
  }
}
