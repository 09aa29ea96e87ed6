import * as tf from "@tensorflow/tfjs";

/** How fast the running engine computes. */
export interface EngineSpeed {
  /** 10⁹ multiplications and additions a second in a product of matrices [512, 512]. */
  matrixProduct: number;
  /** The same for a 3×3 convolution [4, 32, 32, 64] → 64 channels with both of its gradients. */
  convolution: number;
  /** Microseconds that adding two vectors of 2,000 numbers takes: hardly more than the way to the engine. */
  operation: number;
}

/** Rounds of an attempt that are too short tell little; this many seconds are spent on each of the three. */
const SECONDS = 0.2;
const OPERATIONS = 200;

/**
 * Measures the running engine, in about a second. Each figure is that of the fastest round, so that what else the
 * machine does counts little.
 *
 * @example
 * ```ts
 * import { startEngine } from "./engine.ts";
 * import { engineSpeed } from "./speed.ts";
 *
 * await startEngine({ backend: "wasm" });
 * const { convolution } = await engineSpeed({ seconds: 0.01 });
 * console.log(`${convolution.toFixed(1)} GFLOP/s`);
 * ```
 */
export async function engineSpeed({ seconds = SECONDS } = {}): Promise<EngineSpeed> {
  const matrix = tf.ones([512, 512]);
  const image = tf.ones<tf.Rank.R4>([4, 32, 32, 64]), filter = tf.ones<tf.Rank.R4>([3, 3, 64, 64]);
  const small = tf.ones([2000]); // WebGPU leaves smaller ones to the CPU
  const gradients = tf.grads((x: tf.Tensor, w: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same")
  );
  const count = () => {
    let sum: tf.Tensor = small;
    for (let i = 0; i < OPERATIONS; i++) sum = sum.add(small);
    return [sum];
  };
  try {
    const product = await fastest(() => [tf.matMul(matrix, matrix)], seconds);
    const convolution = await fastest(() => gradients([image, filter]), seconds);
    const operations = await fastest(count, seconds);
    return {
      matrixProduct: 2 * 512 ** 3 / product / 1e9,
      convolution: 3 * 2 * 4 * 32 ** 2 * 9 * 64 ** 2 / convolution / 1e9,
      operation: operations / OPERATIONS * 1e6,
    };
  } finally {
    tf.dispose([matrix, image, filter, small]);
  }
}

/** Seconds of the fastest of several runs of `f`, until its results can be read. */
async function fastest(f: () => tf.Tensor[], seconds: number): Promise<number> {
  const begun = performance.now();
  let best = Infinity;
  for (let round = 0; round < 3 || performance.now() - begun < 1000 * seconds; round++) {
    const start = performance.now(), results = tf.tidy(f);
    await Promise.all(results.map((y) => y.data()));
    if (round > 0) best = Math.min(best, performance.now() - start); // the first compiles and allocates
    tf.dispose(results);
  }
  return best / 1000;
}

/** e.g. "24 GFLOP/s (matrix product), 18 (convolution and gradients), 9.1 µs an op". */
export function speedText({ matrixProduct, convolution, operation }: EngineSpeed): string {
  const short = (x: number) => x < 10 ? x.toFixed(1) : x.toFixed(0);
  return `${short(matrixProduct)} GFLOP/s (matrix product), ${
    short(convolution)
  } (convolution and gradients), ` +
    `${short(operation)} µs an op`;
}
