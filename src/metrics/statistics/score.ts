import { NotFiniteError, UserError } from "../../runtime/errors.ts";
import type { Interval } from "./interval.ts";

/** One measured number with all that is needed to read it. What each score means: `SCORE_DEFINITIONS`. */
export interface Score {
  value: number;
  /** 95 % confidence interval. */
  ci?: Interval;
  /** How many generated images. */
  n: number;
  /** How many real images they were compared with. */
  nReference?: number;
  /** The same score of real images in place of the generated ones, at the same n: as good as it gets. */
  floor?: number;
}

/**
 * Fails unless both were measured with as many images: FID, precision, recall, density and coverage change with n.
 *
 * @throws {UserError} naming both sizes
 */
export function checkComparable(a: Score, b: Score): void {
  const sizes = ({ n, nReference }: Score) =>
    `n = ${n}${nReference === undefined ? "" : ` against ${nReference} real images`}`;
  if (a.n === b.n && a.nReference === b.nReference) return;
  throw new UserError(
    `scores at different sample counts cannot be compared: ${sizes(a)}, and ${
      sizes(b)
    }; evaluate both with the same`,
  );
}

/**
 * The scores, if all of them, with their intervals and floors, are finite.
 *
 * @throws {NotFiniteError} that names one that is not
 */
export function finiteScores<S extends object>(scores: S): S {
  for (const [name, { value, ci = [], floor = 0 }] of Object.entries(scores) as [string, Score][]) {
    if ([value, ...ci, floor].every(Number.isFinite)) continue;
    throw new NotFiniteError(
      `the score ${name} is ${value} [${ci}], no finite number: the images' features are too large or too much alike to be ` +
        "compared; look at the images",
    );
  }
  return scores;
}

/**
 * How far `after` moved from `before`, as a share of `before`: -0.127 is 12.7 % lower.
 *
 * ```ts
 * import { relativeChange } from "./score.ts";
 * console.assert(relativeChange({ value: 40, n: 1000 }, { value: 30, n: 1000 }) === -0.25);
 * ```
 *
 * @throws {UserError} if their sample counts differ
 */
export function relativeChange(before: Score, after: Score): number {
  checkComparable(before, after);
  return (after.value - before.value) / before.value;
}
