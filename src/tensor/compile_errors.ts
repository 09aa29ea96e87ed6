import { UserError } from "../runtime/errors.ts";
import { TensorflowError } from "../runtime/tensorflow/status.ts";

/** Runs `f`; an error of TensorFlow says in its message that it came while `name` was recorded. */
export function explainingRecording<T>(name: string, f: () => T): T {
  try {
    return f();
  } catch (error) {
    if (!(error instanceof TensorflowError)) throw error;
    throw new TensorflowError(`compile() cannot record ${name}: ${error.message}`, error.code);
  }
}

/** The error to throw in place of one that a call of the compiled function `name` met. */
export function explainedCall(name: string, error: unknown): unknown {
  if (!(error instanceof TensorflowError)) return error;
  const ops = [...error.message.matchAll(/No registered '(\w+)' OpKernel for XLA/g)].map((match) =>
    match[1]!
  );
  if (!ops.length) return error;
  return new UserError(
    `XLA cannot compile ${name}: it has no kernel for ${[...new Set(ops)].join(", ")} on this device. ` +
      "Compile without xla: true, or write it with other ops (for upsampling: upsample2x() of tensor/upsample.ts).",
    { cause: error },
  );
}
