import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { session } from "../runtime/tensorflow/session.ts";
import { consume } from "./raw_ops.ts";

/**
 * Of the scores, one for each query and key, so many at most are in memory at a time (in the backward pass thrice). On a
 * processor: 8 MiB. A compiled function, which works on several parts at once, took 0.29 GB for the gradients of 8 heads
 * on 4096 tokens with it, 0.54 GB with 16 MiB, and was no faster. A graphics card wants larger parts, and has the memory.
 */
export function scoresAtATime(): number {
  const onCard = onTensorflow() ? session().context.gpu !== undefined : tf.getBackend() === "webgpu";
  return onCard ? 2 ** 25 : 2 ** 21;
}

/** From an index, so many. */
export type Range = readonly [from: number, count: number];

/** A block of the scores [B,heads,N,M]: some samples, some of their heads, some of the queries; all of the keys. */
export type Part = readonly [samples: Range, heads: Range, queries: Range];

/** Axes of the scores in the order in which they are cut, each down to so many at least before the next one is. */
export type Cuts = readonly (readonly [axis: 0 | 1 | 2, least: number])[];

/** Few queries of all heads: the scores of each stay in a core's cache, and all cores have work. */
export const QUERIES_FIRST: Cuts = [[2, 32], [1, 1], [0, 1], [2, 1]];

/** Whole heads: what is summed over the queries need not be added up part by part. */
export const HEADS_FIRST: Cuts = [[0, 1], [1, 1], [2, 1]];

/**
 * Computes tensors by parts of the scores, with as many scores at a time as fit, and joins what the parts give.
 *
 * @param summed for each tensor that a part gives, the axes (0 … 2) along which parts are added up and not put in a row
 */
export function byParts(
  [batch, heads, queries, keys]: readonly [number, number, number, number],
  cuts: Cuts,
  summed: readonly (readonly number[])[],
  compute: (part: Part) => tf.Tensor[],
): tf.Tensor[] {
  const lengths = [batch, heads, queries];
  for (const [axis, least] of cuts) {
    const others = lengths.reduce((product, length, i) => i === axis ? product : product * length, keys);
    const fitting = Math.max(least, Math.floor(scoresAtATime() / others));
    lengths[axis] = Math.min(lengths[axis]!, fitting);
  }
  const ranges = [batch, heads, queries].map((total, axis) => rangesOf(total, lengths[axis]!));
  const along = (axis: number, part: Range[]): tf.Tensor[] => {
    if (axis === ranges.length) return compute(part as unknown as Part);
    const each = ranges[axis]!.map((range) => along(axis + 1, [...part, range]));
    return summed.map((axes, i) => joined(axis, each.map((tensors) => tensors[i]!), axes.includes(axis)));
  };
  return along(0, []);
}

/** 0…total in equal ranges of `most` or less. */
function rangesOf(total: number, most: number): Range[] {
  const length = Math.ceil(total / Math.ceil(total / most));
  return Array.from({ length: Math.ceil(total / length) }, (_, i) => {
    const from = i * length;
    return [from, Math.min(length, total - from)];
  });
}

/** Joins the tensors of some parts, which are freed. */
function joined(axis: number, xs: tf.Tensor[], sum: boolean): tf.Tensor {
  if (xs.length === 1) return xs[0]!;
  return consume((...xs) => sum ? tf.addN(xs) : tf.concat(xs, axis), ...xs);
}

/** Cuts ranges out of the first axes of x; of an axis of size 1, which holds for all, it takes that. */
export function cut(x: tf.Tensor, ranges: readonly Range[]): tf.Tensor {
  const from = x.shape.map((size, axis) => size === 1 ? 0 : ranges[axis]?.[0] ?? 0);
  const count = x.shape.map((size, axis) => size === 1 ? 1 : ranges[axis]?.[1] ?? size);
  return x.slice(from, count);
}
