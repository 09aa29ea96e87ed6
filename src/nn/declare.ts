import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";
import { uniform } from "../runtime/random.ts";

/** How a weight starts: a constant, or uniform in ±bound (PyTorch's default for convolutions and linear layers). */
export type Init = { kind: "constant"; value: number } | { kind: "uniform"; bound: number };

/** One declared weight: its shape in memory and its start value. */
export interface Declaration {
  readonly shape: readonly number[];
  readonly init: Init;
  /** Whether it is used in products or convolutions alone, which compute in the precision that was chosen. */
  readonly multiplies?: boolean;
}

/** All weights of a network by name, collected while its layers are built. */
export type Declarations = Record<string, Declaration>;

/** A layer: weights in, tensor in, tensor out. */
export type Layer = (params: Params, x: tf.Tensor) => tf.Tensor;

/**
 * Declares a weight and returns a function that reads it from a record of weights.
 *
 * ```ts
 * import { type Declarations, declare, initParams } from "./declare.ts";
 * const d: Declarations = {};
 * const scale = declare(d, "scale", [3], { kind: "constant", value: 1 });
 * console.log(scale(initParams(d, 0)).shape); // [3]
 * ```
 *
 * @param name as in the checkpoint
 * @param shape in memory: convolution kernels HWIO, all else as in the checkpoint
 * @throws Error when the name is declared already; from the reader, when the weight is not given
 */
export function declare(
  d: Declarations,
  name: string,
  shape: readonly number[],
  init: Init,
  { multiplies = false }: Pick<Declaration, "multiplies"> = {},
): (params: Params) => tf.Tensor {
  if (d[name]) throw new Error(`weight ${name} is declared twice`);
  d[name] = { shape, init, ...multiplies && { multiplies } };
  return (params) => {
    const tensor = params[name];
    if (!tensor) throw new Error(`no weight named ${name} among ${Object.keys(params).length} given`);
    return tensor;
  };
}

/**
 * Start values of all declared weights, float32, the caller's to dispose. Each weight's numbers depend on the seed and
 * its name only, and are the same on every engine.
 */
export function initParams(d: Declarations, seed: number): Params {
  return Object.fromEntries(
    Object.entries(d).map((
      [name, { shape, init }],
    ) => [name, tf.tensor(startValues(name, shape, init, seed), [...shape])]),
  );
}

function startValues(name: string, shape: readonly number[], init: Init, seed: number): Float32Array {
  const size = tf.util.sizeFromShape([...shape]);
  if (init.kind === "constant") return new Float32Array(size).fill(init.value);
  return uniform({ seed, purpose: `init ${name}`, step: 0, sample: 0 }, size).map((u) =>
    (2 * u - 1) * init.bound
  );
}

/** The shapes of all declared weights, e.g. for `layoutOf`. */
export function shapesOf(d: Declarations): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(d).map(([name, { shape }]) => [name, shape]));
}
