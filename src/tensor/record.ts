import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import { backend } from "../runtime/tensorflow/backend.ts";
import { createRecording, type RecordedFunction } from "../runtime/tensorflow/recording.ts";
import { type Session, session } from "../runtime/tensorflow/session.ts";
import { flattenTree } from "./tree.ts";

/** A function that TensorFlow knows by name, and the structure of its result. */
export interface CompiledFunction extends Omit<RecordedFunction, "free"> {
  /** The function's result with these tensors in it. */
  rebuild(tensors: readonly tf.Tensor[]): unknown;
  /** Keeps the function until the returned `release` is called, even if it is freed meanwhile. */
  hold(): () => void;
  free(): void;
}

/** Whether a function is being recorded. */
export const isRecording = ({ recorder }: Session): boolean => recorder !== undefined;

/**
 * Records `f` for inputs of these dtypes and shapes; nothing runs. Leaves no tensors behind, whether it succeeds or throws.
 *
 * @throws UserError, TensorflowError, or what `f` throws
 */
export function recordFunction(
  f: (inputs: tf.Tensor[]) => unknown,
  inputs: readonly tf.Tensor[],
  options: { name: string; xla: boolean },
): CompiledFunction {
  const node = backend(), recording = createRecording(session(), (id) => refuseVariable(id, options.name));
  let compiled: CompiledFunction | undefined;
  try {
    tf.tidy(() => {
      const symbolic = inputs.map((x) => {
        const dtype = node.getDTypeInteger(x.dtype);
        return node.createOutputTensor(recording.input(dtype, x.shape));
      });
      const { tensors, rebuild } = whileRecording(recording.recorder, options.name, () => {
        const result = flattenTree(f(symbolic), `result of ${options.name}`);
        if (!result.tensors.length) {
          throw new UserError(`${options.name} returned no tensor: there is nothing to compile.`);
        }
        return result;
      });
      const recorded = recording.finish(node.getInputTensorIds(tensors), options);
      compiled = { ...recorded, rebuild, ...sharedLifetime(recorded) };
    });
    return compiled!;
  } finally {
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
function whileRecording<T>(recorder: Session["recorder"], name: string, f: () => T): T {
  const running = session(), engine = tf.engine();
  const { random } = Math, { makeVariable } = engine, { assign } = tf.Variable.prototype;
  running.recorder = recorder;
  Math.random = () => {
    throw new UserError(
      `Random numbers were drawn (tf.randomNormal and the like, tf.dropout, or Math.random) while compile() records ` +
        `${name}: they would be the same at every call. Draw them outside and pass them in as a tensor.`,
    );
  };
  engine.makeVariable = tf.Variable.prototype.assign = () => {
    throw new UserError(
      `A tf.Variable was made or assigned while compile() records ${name}. ` +
        "Pass weights in as arguments and return the new ones.",
    );
  };
  try {
    return f();
  } finally {
    running.recorder = undefined;
    Math.random = random;
    engine.makeVariable = makeVariable;
    tf.Variable.prototype.assign = assign;
  }
}

function refuseVariable(id: number, name: string): void {
  const { tensorMap } = backend();
  for (const variable of Object.values(tf.engine().registeredVariables)) {
    if (tensorMap.get(variable.dataId).id !== id) continue;
    throw new UserError(
      `${name} reads the tf.Variable "${variable.name}", whose value compile() would freeze. ` +
        "Pass weights in as arguments and return the new ones.",
    );
  }
}
