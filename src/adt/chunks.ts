import * as tf from "@tensorflow/tfjs";
import type { StepMetrics } from "../training/loop.ts";
import { flattenTree } from "../tensor/tree.ts";
import type { AdtBatch, AdtSettings } from "./setup.ts";

/** A part of a batch that is computed at a time: some of its groups, or a part of one. */
export interface Chunk {
  /** Place of its first sample in the batch, and how many it has. */
  first: number;
  count: number;
  /** The groups that its samples are of, each of which has as many of them. */
  groups: readonly number[];
  /** Samples of a whole group. */
  groupSize: number;
}

/** Whether groups and chunks of equal size fit each other: each group in one chunk, or each chunk in one group. */
export const chunksFit = (groups: number, chunks: number): boolean =>
  groups % chunks === 0 || chunks % groups === 0;

/**
 * The parts that a batch is computed in, one after the other.
 *
 * @param count samples of the batch
 * @throws RangeError when it does not split
 */
export function chunksOf(count: number, { startGroups, accumulate = 1 }: AdtSettings): Chunk[] {
  if (count % startGroups !== 0) {
    throw new RangeError(`a batch of ${count} images does not split into ${startGroups} equal groups`);
  }
  if (count % accumulate !== 0 || !chunksFit(startGroups, accumulate)) {
    throw new RangeError(
      `a batch of ${startGroups} groups of ${
        count / startGroups
      } does not split into ${accumulate} equal parts`,
    );
  }
  const size = count / accumulate, groupSize = count / startGroups;
  return Array.from({ length: accumulate }, (_, i) => {
    const from = Math.floor(i * size / groupSize), to = Math.ceil((i + 1) * size / groupSize);
    return {
      first: i * size,
      count: size,
      groups: Array.from({ length: to - from }, (_, g) => from + g),
      groupSize,
    };
  });
}

/** The samples of a chunk as new tensors. */
export function samplesOf<T extends tf.Tensor>(x: T, { first, count }: Chunk): T {
  return x.shape[0] === count ? x.clone() as T : x.slice([first], [count]) as T;
}

/** The part of a batch, whatever its tensors are, that a chunk has; as new tensors. */
export function partOf<T>(batch: T, chunk: Chunk): T {
  const { tensors, rebuild } = flattenTree(batch, "batch");
  return rebuild(tensors.map((x) => samplesOf(x, chunk))) as T;
}

/** Does the same with each chunk of a batch in turn. */
export async function eachChunk<R>(
  batch: AdtBatch,
  settings: AdtSettings,
  use: (part: AdtBatch, chunk: Chunk) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const chunk of chunksOf(batch.latents.shape[0]!, settings)) {
    const part = partOf(batch, chunk);
    try {
      results.push(await use(part, chunk));
    } finally {
      tf.dispose({ ...part });
    }
  }
  return results;
}

/** What the chunks have, in one batch; they are disposed. */
export function joined(parts: readonly tf.Tensor[]): tf.Tensor {
  if (parts.length === 1) return parts[0]!;
  const whole = tf.concat([...parts]);
  tf.dispose([...parts]);
  return whole;
}

/** The mean of what was measured of chunks of equal size. */
export function meanMetrics(measured: readonly StepMetrics[]): StepMetrics {
  const names = Object.keys(measured[0]!);
  return Object.fromEntries(
    names.map((name) => [name, measured.reduce((sum, one) => sum + one[name]!, 0) / measured.length]),
  );
}
