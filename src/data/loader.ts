import { permutation } from "../runtime/random.ts";
import type { Batch, Dataset } from "./dataset.ts";

export interface LoaderOptions {
  batchSize: number;
  /** Fixes the order of every epoch. */
  seed: number;
}

/** Gives shuffled batches by number; it keeps no state, so the number of the next batch is all a resumed run needs. */
export interface Loader {
  /** Places in the data set of batch `k`, [batchSize]. */
  indices(k: number): Uint32Array;
  /** Reads batch `k`: 0 is the first of a run, and there is no last one. */
  batch(k: number): Promise<Batch>;
}

/**
 * A loader that shows every image once per epoch, in a new random order each time. Batch k depends on the seed and k
 * only. A batch may reach from one epoch into the next, so no image is left out.
 *
 * ```ts
 * import { makeLoader } from "./loader.ts";
 * const numbers = { size: 10, get: () => Promise.reject(new Error("not needed here")) };
 * const loader = makeLoader(numbers, { batchSize: 4, seed: 0 });
 * console.log(loader.indices(0), loader.indices(1_000_000));
 * ```
 */
export function makeLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const indices = shuffledBatches(dataset.size, options), { batchSize } = options;
  const epochOf = (position: number) => Math.floor(position / dataset.size);
  return {
    indices,
    batch: (k) =>
      dataset.get(indices(k), Uint32Array.from({ length: batchSize }, (_, b) => epochOf(k * batchSize + b))),
  };
}

/** The order in which a loader takes `size` things: which are in batch k, [batchSize]. */
export function shuffledBatches(
  size: number,
  { batchSize, seed }: LoaderOptions,
): (k: number) => Uint32Array<ArrayBuffer> {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`batchSize must be a whole number of at least 1, got ${batchSize}`);
  }
  if (size < 1) throw new RangeError("the data set is empty");
  let heldEpoch = -1, order = new Uint32Array();
  return (k) => {
    const out = new Uint32Array(batchSize);
    for (let b = 0; b < batchSize; b++) {
      const position = k * batchSize + b, epoch = Math.floor(position / size);
      if (epoch !== heldEpoch) {
        order = permutation({ seed, purpose: "data order", step: epoch }, size);
        heldEpoch = epoch;
      }
      out[b] = order[position % size]!;
    }
    return out;
  };
}
