import * as tf from "@tensorflow/tfjs";
import { type ComputePrecision, currentPrecision } from "../runtime/precision.ts";
import { backend, onTensorflow } from "../runtime/tensorflow/backend.ts";
import { session, type TensorMetadata } from "../runtime/tensorflow/session.ts";
import { UserError } from "../runtime/errors.ts";
import { storageOf } from "../runtime/tensorflow/stored.ts";
import { explainedCall } from "./compile_errors.ts";
import { announceCompilation } from "./compile_events.ts";
import { type CompiledFunction, isRecording, recordFunction } from "./record.ts";
import { assignAll, VariableMade } from "./recorded_variables.ts";
import { flattenTree } from "./tree.ts";

export interface CompileOptions {
  /** Compile with XLA: faster steps, but the first call takes several times as long. Default: false. */
  xla?: boolean;
  /**
   * The type in which products and convolutions compute; all else stays in float32. On other engines than TensorFlow it
   * is float32 whatever is asked for. Default: the engine's, see `startEngine`.
   */
  precision?: ComputePrecision;
  /** Name in error messages; default: the function's own. */
  name?: string;
}

/** A function compiled by `compile()`; call it as the function itself. */
export interface Compiled<A extends unknown[], R> {
  (...args: A): R;
  /**
   * The same on a background thread, so that the notebook or the progress bar stays responsive. Only the recording at
   * the first call takes the event loop; XLA compiles in the background. Calls that assign variables run in turn.
   */
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
 * call belong in a tensor. Tensors that `f` takes from outside keep the value they have when `f` is recorded; those
 * that are `tf.Variable`s are read, and assigned, at every call. All tensors in the result are new and the caller's to
 * dispose. Recordings are kept for the 16 latest kinds of arguments. `onCompile` tells when one is made.
 *
 * `f` must give the same ops at every call with the same shapes. So, while it is recorded, these are errors: reading a
 * tensor's value, random numbers (`tf.randomNormal`, `Math.random`; pass noise in, or use `freshNormal`), and ops
 * whose result's shape depends on values. If `f` makes variables at its first call, as an optimiser of tfjs does, that
 * call runs as it is and the next one records; what else `f` did until then happens twice.
 *
 * @throws UserError for these, for arguments that are not trees, and where XLA lacks an op; TensorflowError with
 *   TensorFlow's message if it refuses an op
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
  const precision = () => options.precision ?? currentPrecision();
  const recordings = new Map<string, CompiledFunction>();
  let madeVariables = false, assigning: Promise<unknown> = Promise.resolve();

  /** The recording for these arguments; undefined if `f` has to make its variables first. */
  function lookUp(args: A): Call | undefined {
    const { tensors, key: kind, rebuild } = flattenTree(args, `arguments of ${name}`);
    const key = `${precision()} ${tensors.map((x) => storageOf(x) ?? "")} ${kind}`;
    const known = recordings.get(key);
    recordings.delete(key); // to the end of the order
    if (known && !isOutdated(known)) {
      recordings.set(key, known);
      return { compiled: known, tensors, end: () => {} };
    }
    known?.free();
    const { recorded, end } = announceCompilation(name, xla);
    try {
      const compiled = recordFunction((inputs) => f(...rebuild(inputs) as A), tensors, {
        name,
        xla,
        precision: precision(),
      });
      recorded();
      recordings.set(key, compiled);
      madeVariables = false;
      dropOldest();
      return { compiled, tensors, end };
    } catch (error) {
      end();
      if (!(error instanceof VariableMade)) throw error;
      if (madeVariables) throw alwaysNew(name);
      madeVariables = true;
      return undefined;
    }
  }

  function dropOldest(): void {
    if (recordings.size <= CACHE_SIZE) return;
    const [oldest, unused] = recordings.entries().next().value!;
    recordings.delete(oldest);
    unused.free();
  }

  function call(...args: A): R {
    const found = runsAsItIs() ? undefined : lookUp(args);
    if (!found) return asItIs(f, args, name);
    const { compiled, tensors, end } = found;
    try {
      const ids = inputIds(compiled, tensors);
      return results(
        compiled,
        backend().binding.executeOp(compiled.name, compiled.attributes, ids, compiled.outputs),
      ) as R;
    } catch (error) {
      throw explainedCall(name, error);
    } finally {
      end();
    }
  }

  async function callAsync(...args: A): Promise<R> {
    const found = runsAsItIs() ? undefined : lookUp(args);
    if (!found) return asItIs(f, args, name);
    const { compiled, end } = found, release = compiled.hold();
    const tensors = found.tensors.map((x) => tf.keep(x.clone())); // the caller may dispose his while this one waits
    const run = async () => {
      try {
        const ids = inputIds(compiled, tensors);
        const outputs = await backend().binding.executeOpOnPool(
          compiled.name,
          compiled.attributes,
          ids,
          compiled.outputs,
        );
        return results(compiled, outputs) as R;
      } catch (error) {
        throw explainedCall(name, error);
      } finally {
        tf.dispose(tensors);
        release();
        end();
      }
    };
    if (!compiled.updates.length) return await run();
    const turn = assigning.then(run);
    assigning = turn.catch(() => {});
    return await turn;
  }

  const compiled = Object.assign(call, { async: callAsync, dispose: () => freeAll(recordings) });
  unreachable.register(compiled, recordings);
  return compiled;
}

function freeAll(recordings: Map<string, CompiledFunction>): void {
  for (const compiled of recordings.values()) compiled.free();
  recordings.clear();
}

/** Frees what was recorded by compiled functions that are gone without `dispose`, as in a notebook's cell run again. */
const unreachable = new FinalizationRegistry(freeAll);

/** A recording and the tensors to call it with. */
interface Call {
  compiled: CompiledFunction;
  tensors: tf.Tensor[];
  /** To be called when the call is over. */
  end(): void;
}

/** Ids of all inputs of a recorded function, in their order. */
function inputIds({ reads, captures }: CompiledFunction, tensors: readonly tf.Tensor[]): number[] {
  return [...backend().getInputTensorIds([...tensors, ...reads]), ...captures];
}

/** The function's result in its own structure; assigns the variables that it updates. */
function results({ rebuild, updates }: CompiledFunction, outputs: readonly TensorMetadata[]): unknown {
  const tensors = outputs.map((output) => backend().createOutputTensor(output));
  assignAll(updates, tensors.splice(tensors.length - updates.length));
  return rebuild(tensors);
}

/** Whether a variable of the function is gone, or stored in another type than when it was recorded. */
const isOutdated = ({ reads, stored, updates }: CompiledFunction) =>
  [...reads, ...updates].some((variable) => variable.isDisposed) ||
  reads.some((variable, i) => storageOf(variable) !== stored[i]);

const alwaysNew = (name: string) =>
  new UserError(
    `${name} makes a tf.Variable at every call. Make it once, outside of the compiled function, or pass weights in as ` +
      "arguments and return the new ones.",
  );

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
