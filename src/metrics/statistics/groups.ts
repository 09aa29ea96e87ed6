import { permutation } from "../../runtime/random.ts";
import { mean } from "./interval.ts";

/** The numbers 0 … n-1 in so many random groups of equal size (within one); the same n and seed give the same groups. */
export function randomGroups(n: number, groups: number, seed: number): Uint32Array[] {
  const order = permutation({ seed, purpose: "jackknife groups", step: 0 }, n);
  return Array.from(
    { length: groups },
    (_, g) => order.subarray(Math.round(g * n / groups), Math.round((g + 1) * n / groups)),
  );
}

/**
 * Values of images brought together in random groups: one number a group, with the same mean as the values, and a spread
 * that is that of the mean of so many groups.
 *
 * ```ts
 * import { groupTerms } from "./groups.ts";
 * const terms = groupTerms([1, 2, 3, 6], 2, 0);
 * console.assert(terms.length === 2 && (terms[0]! + terms[1]!) / 2 === 3);
 * ```
 */
export function groupTerms(values: ArrayLike<number>, groups: number, seed: number): Float64Array {
  const n = values.length, centre = mean(values);
  const term = (group: Uint32Array) =>
    centre + group.reduce((sum, i) => sum + values[i]! - centre, 0) * groups / n;
  return Float64Array.from(randomGroups(n, groups, seed), term);
}

/** {@linkcode groupTerms} of several scores; of fewer values than groups, each is a group of its own. */
export function groupTermsOf(
  values: Readonly<Record<string, ArrayLike<number>>>,
  groups: number,
  seed: number,
): Record<string, Float64Array> {
  const terms = Object.entries(values).map(([name, ofEach]) =>
    [name, groupTerms(ofEach, Math.min(groups, ofEach.length), seed)] as const
  );
  return Object.fromEntries(terms);
}

/**
 * The jackknife's terms of an estimate (Tukey's pseudo-values, moved to the estimate itself): their mean is the estimate,
 * and the spread of the mean of so many independent values is its sampling error.
 *
 * @param leftOut the estimate with one of g equal groups left out, for each group
 */
export function jackknifeTerms(estimate: number, leftOut: ArrayLike<number>): Float64Array {
  const g = leftOut.length, centre = mean(leftOut);
  return Float64Array.from(leftOut, (value) => estimate + (g - 1) * (centre - value));
}
