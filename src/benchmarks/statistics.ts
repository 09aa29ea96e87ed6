/** What is told of repeated measurements. */
export interface Summary {
  min: number;
  /** The mean of the two in the middle, for an even number of values. */
  median: number;
}

/**
 * Minimum (least disturbed by other work on the machine) and median (what to expect) of some measurements.
 *
 * ```ts
 * import { summary } from "./statistics.ts";
 * console.log(summary([3, 1, 2, 10])); // { min: 1, median: 2.5 }
 * ```
 *
 * @throws RangeError when there are none
 */
export function summary(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError("summary(): no values");
  const sorted = values.toSorted((a, b) => a - b), middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median };
}

/** Numbers that a repetition computes, by name, to be compared between implementations. */
export type Outputs = Record<string, number[]>;

/**
 * How far computed numbers are from the reference's: the largest difference under any name, as a share of that name's
 * largest magnitude. Names that only the first one has are not compared.
 *
 * ```ts
 * import { disagreement } from "./statistics.ts";
 * console.log(disagreement({ loss: [2.02], extra: [1] }, { loss: [2] })); // 0.01
 * ```
 *
 * @returns Infinity where a name is missing, a length differs or a number is not finite
 */
export function disagreement(outputs: Outputs, reference: Outputs): number {
  const each = Object.entries(reference).map(([name, expected]) => {
    const given = outputs[name];
    if (given?.length !== expected.length) return Infinity;
    let difference = 0, scale = 0;
    for (let i = 0; i < expected.length; i++) {
      const d = Math.abs(given[i]! - expected[i]!);
      if (!Number.isFinite(d)) return Infinity;
      difference = Math.max(difference, d);
      scale = Math.max(scale, Math.abs(expected[i]!));
    }
    return difference === 0 ? 0 : difference / scale;
  });
  return Math.max(0, ...each);
}
