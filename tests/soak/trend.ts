import { quantile } from "../../src/metrics/statistics/interval.ts";
import type { Sample } from "./sample.ts";

/** How a loop went. */
export interface Trend {
  updates: number;
  /** Resident memory after a tenth, at the middle and at the end, MB. */
  resident: [number, number, number];
  /** The most that it was, garbage and all, MB. */
  peak: number;
  /** How much resident memory, and JavaScript's heap, grow in the last half, kB an update. */
  slope: number;
  heapSlope: number;
  /** Tensors at the end beyond those at the first sample. */
  tensors: number;
  /** Milliseconds an update takes in the first and in the last fifth of the last half, medians. */
  milliseconds: [number, number];
}

/** @param samples of a loop, at equal distances, at least 20 */
export function trendOf(samples: readonly Sample[]): Trend {
  const { length } = samples, last = samples.at(-1)!, half = samples.slice(length >> 1);
  const tenth = (k: number) => samples.slice(Math.floor(k * length / 10), Math.floor((k + 1) * length / 10));
  return {
    updates: last.update,
    resident: [resident(samples[Math.floor(length / 10)]!), resident(half[0]!), resident(last)],
    peak: last.peak / 1024,
    slope: slopeOf(half, "resident"),
    heapSlope: slopeOf(half, "heap"),
    tensors: last.tensors - samples[0]!.tensors,
    milliseconds: [pace(tenth(5)), pace(tenth(9))],
  };
}

const resident = (sample: Sample) => sample.resident / 1024;

/**
 * The median of the slopes between all pairs (Theil 1950, Sen 1968), which single
 * steps of an allocator do not move.
 */
function slopeOf(samples: readonly Sample[], key: "resident" | "heap"): number {
  const slopes = samples.flatMap((a, i) =>
    samples.slice(i + 1).map((b) => (b[key] - a[key]) / (b.update - a.update))
  );
  return quantile(slopes, 0.5);
}

/** Milliseconds from one update to the next, the median over the distances between samples. */
function pace(samples: readonly Sample[]): number {
  const paces = samples.slice(1).map((b, i) => (b.at - samples[i]!.at) / (b.update - samples[i]!.update));
  return quantile(paces, 0.5);
}
