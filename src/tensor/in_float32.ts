import * as tf from "@tensorflow/tfjs";
import { currentSession, type Recorder } from "../runtime/tensorflow/session.ts";
import { isTapeOn } from "./tape.ts";

/**
 * f(), whose products compute in float32, and their gradients too, where the function that is recorded computes in a lower
 * precision: for parts that rounding hurts more than it speeds up.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { inFloat32 } from "./in_float32.ts";
 * await tf.setBackend("cpu");
 * console.log(inFloat32(() => tf.matMul([[2]], [[3]])).arraySync()); // [[6]]
 * ```
 */
export function inFloat32<T>(f: () => T): T {
  const recorder = currentSession()?.recorder;
  if (!recorder || recorder.precision === "float32") return f();
  const { activeTape } = tf.engine().state, begin = isTapeOn() ? activeTape.length : 0;
  const result = recorder.inFloat32(f);
  for (const node of isTapeOn() ? activeTape.slice(begin) : []) {
    const { gradient } = node;
    if (gradient) node.gradient = (dys) => recorder.inFloat32(() => lazily(recorder, gradient(dys)));
  }
  return result;
}

/** tfjs computes the gradient of each input when it is asked for. */
function lazily(
  recorder: Recorder,
  gradients: Record<string, () => tf.Tensor>,
): Record<string, () => tf.Tensor> {
  return Object.fromEntries(
    Object.entries(gradients).map(([input, gradient]) => [input, () => recorder.inFloat32(gradient)]),
  );
}
