import * as tf from "@tensorflow/tfjs";
import { mean } from "../metrics/statistics/interval.ts";
import type { StepMetrics } from "../training/loop.ts";
import { flattenTree } from "../tensor/tree.ts";
import type { AdtSettings } from "./setup.ts";

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

/** Does the same with each chunk of a batch in turn. @param batch all of its tensors have its samples in their first dimension */
export async function eachChunk<B extends object, R>(
  batch: B,
  settings: AdtSettings,
  use: (part: B, chunk: Chunk) => R | Promise<R>,
): Promise<R[]> {
  const { tensors, rebuild } = flattenTree(batch, "batch"), count = tensors[0]!.shape[0]!, results: R[] = [];
  for (const chunk of chunksOf(count, settings)) {
    const { first, count: size } = chunk;
    const parts = tensors.map((x) => size === count ? x.clone() : x.slice([first], [size]));
    try {
      results.push(await use(rebuild(parts) as B, chunk));
    } finally {
      tf.dispose(parts);
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
  return Object.fromEntries(names.map((name) => [name, mean(measured.map((one) => one[name]!))]));
}
