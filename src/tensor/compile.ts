import * as tf from "@tensorflow/tfjs";
import { backend, onTensorflow } from "../runtime/tensorflow/backend.ts";
import { session } from "../runtime/tensorflow/session.ts";
import { type CompiledFunction, isRecording, recordFunction } from "./record.ts";
import { flattenTree } from "./tree.ts";

export interface CompileOptions {
  /** Compile with XLA: faster steps, but the first call takes several times as long. Default: false. */
  xla?: boolean;
  /** Name in error messages; default: the function's own. */
  name?: string;
}

/** A function compiled by `compile()`; call it as the function itself. */
export interface Compiled<A extends unknown[], R> {
  (...args: A): R;
  /** The same on a background thread, so that the notebook or the progress bar stays responsive. */
  async(...args: A): Promise<R>;
  /** Frees what was recorded, with the tensors captured. The next call records anew. */
  dispose(): void;
}

/** Recordings kept per compiled function; the least recently used goes first. */
const CACHE_SIZE = 16;

/**
 * Makes one TensorFlow function of `f`: the first call with given shapes records the ops of `f` without running
 * them; this and later calls run the whole as one op, with less memory and less time between ops. On other backends
 * `f` is called as it is, inside `tf.tidy`. It is also called as it is, as part of the whole, inside another
 * compiled function that is being recorded and inside `tf.grads` and the like (take the gradient inside `f`).
 *
 * Arguments and results are trees: tensors, arrays and plain records of them. Strings, numbers, booleans and null
 * among the arguments are constants of the recording: another value records anew, so numbers that change at every
 * call belong in a tensor. Tensors that `f` takes from outside keep the value they have when `f` is recorded.
 * All tensors in the result are new and the caller's to dispose.
 *
 * `f` must give the same ops at every call with the same shapes. So, while it is recorded, these are errors: reading a
 * tensor's value, random numbers (`tf.randomNormal`, `Math.random`; pass noise in), `tf.Variable` (pass weights in
 * and return the new ones), and ops whose result's shape depends on values.
 *
 * @throws UserError for these, and for arguments that are not trees; TensorflowError if TensorFlow refuses an op
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { compile } from "./compile.ts";
 *
 * const step = compile((w: tf.Tensor, x: tf.Tensor) => {
 *   const [gradient] = tf.grads((w: tf.Tensor) => tf.matMul(x, w).square().mean())([w]);
 *   return { w: w.sub(gradient!.mul(0.1)), norm: gradient!.norm() };
 * });
 * const { w, norm } = step(tf.ones([3, 1]), tf.ones([8, 3]));
 * ```
 */
export function compile<A extends unknown[], R>(
  f: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  const { xla = false, name = f.name || "compiled function" } = options;
  const recordings = new Map<string, CompiledFunction>();

  function lookUp(args: A): { compiled: CompiledFunction; ids: number[] } {
    const { tensors, key, rebuild } = flattenTree(args, `arguments of ${name}`);
    let compiled = recordings.get(key);
    if (compiled) recordings.delete(key); // to the end of the order
    else compiled = recordFunction((inputs) => f(...rebuild(inputs) as A), tensors, { name, xla });
    recordings.set(key, compiled);
    if (recordings.size > CACHE_SIZE) {
      const [oldest, unused] = recordings.entries().next().value!;
      recordings.delete(oldest);
      unused.free();
    }
    return { compiled, ids: [...backend().getInputTensorIds(tensors), ...compiled.captures] };
  }

  function call(...args: A): R {
    if (runsAsItIs()) return asItIs(f, args, name);
    const { compiled, ids } = lookUp(args);
    const results = backend().binding.executeOp(compiled.name, compiled.attributes, ids, compiled.outputs);
    return compiled.rebuild(results.map((result) => backend().createOutputTensor(result))) as R;
  }

  async function callAsync(...args: A): Promise<R> {
    if (runsAsItIs()) return asItIs(f, args, name);
    const { compiled, ids } = lookUp(args);
    const release = compiled.hold();
    try {
      const { binding } = backend();
      const results = await binding.executeOpOnPool(
        compiled.name,
        compiled.attributes,
        ids,
        compiled.outputs,
      );
      return compiled.rebuild(results.map((result) => backend().createOutputTensor(result))) as R;
    } finally {
      release();
    }
  }

  return Object.assign(call, {
    async: callAsync,
    dispose() {
      for (const compiled of recordings.values()) compiled.free();
      recordings.clear();
    },
  });
}

/** Not on TensorFlow; or inside a recording or a gradient, of which `f`'s own ops must become part. */
function runsAsItIs(): boolean {
  const engine = tf.engine() as unknown as { isTapeOn(): boolean };
  return !onTensorflow() || isRecording(session()) || engine.isTapeOn();
}

/** Calls `f`; as after compilation, its results are new tensors, whatever they share with its arguments. */
function asItIs<A extends unknown[], R>(f: (...args: A) => R, args: A, name: string): R {
  return tf.tidy(() => {
    const { tensors, rebuild } = flattenTree(f(...args), `result of ${name}`);
    return rebuild(tensors.map((t) => t.clone())) as tf.TensorContainer;
  }) as R;
}
