import * as tf from "@tensorflow/tfjs";
import type { Params } from "../tensor/params.ts";
import { UserError } from "../runtime/errors.ts";
import { uniform } from "../runtime/random.ts";

/**
 * How a weight starts: a constant, uniform in ±bound (PyTorch's default for convolutions and linear layers), or as a table of
 * numbers that is computed.
 */
export type Init =
  | { kind: "constant"; value: number }
  | { kind: "uniform"; bound: number }
  | { kind: "table"; numbers(): Float32Array<ArrayBuffer> };

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
 * @throws Error when the name is declared already; from the reader, when the weight is not given. UserError when the
 * network has more weights, or this one more numbers, than any file holds
 */
export function declare(
  d: Declarations,
  name: string,
  shape: readonly number[],
  init: Init,
  { multiplies = false }: Pick<Declaration, "multiplies"> = {},
): (params: Params) => tf.Tensor {
  if (d[name]) throw new Error(`weight ${name} is declared twice`);
  checkSize(d, name, shape);
  d[name] = { shape, init, ...multiplies && { multiplies } };
  return (params) => {
    const tensor = params[name];
    if (!tensor) throw new Error(`no weight named ${name} among ${Object.keys(params).length} given`);
    return tensor;
  };
}

/** Weights of a network, and numbers of one weight: ten times the most of the largest networks known, and 4 GB in 16 bits. */
const MOST_WEIGHTS = 20_000, MOST_NUMBERS = 2 ** 31;

/** How many weights each network has declared so far. */
const counts = new WeakMap<Declarations, number>();

/** Sizes that are each right can be too much together: a config of a few lines is to cost neither minutes nor gigabytes. */
function checkSize(d: Declarations, name: string, shape: readonly number[]): void {
  const count = (counts.get(d) ?? 0) + 1, numbers = shape.reduce((product, size) => product * size, 1);
  if (count > MOST_WEIGHTS) {
    throw new UserError(
      `the network that the config describes has more than ${MOST_WEIGHTS} weights; lower its numbers of layers`,
    );
  }
  if (numbers > MOST_NUMBERS) {
    throw new UserError(
      `the weight ${name} that the config describes is [${shape}], more than ${MOST_NUMBERS} numbers; lower its sizes`,
    );
  }
  counts.set(d, count);
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
  if (init.kind === "table") return init.numbers();
  if (init.kind === "constant") return new Float32Array(size).fill(init.value);
  return uniform({ seed, purpose: `init ${name}`, step: 0, sample: 0 }, size).map((u) =>
    (2 * u - 1) * init.bound
  );
}

/** The shapes of all declared weights, e.g. for `layoutOf`. */
export function shapesOf(d: Declarations): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(d).map(([name, { shape }]) => [name, shape]));
}
