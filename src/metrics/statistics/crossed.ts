/**
 * Intervals over training seeds and images at once. All models sample from the same noise, so a score's terms form a
 * table, seeds × images: both are drawn, independently of each other.
 * @module
 */
import { UserError } from "../../runtime/errors.ts";
import { integer } from "../../runtime/random.ts";
import { type Interval, mean, studentQuantile, variance } from "./interval.ts";

/** Terms of a score (`ScoreTerms`): one row per training seed, as many columns in each. */
export type TermTable = readonly ArrayLike<number>[];

/** A number with its 95 % confidence interval. */
export interface Estimate {
  value: number;
  ci: Interval;
  /** Training seeds that it is the mean of. With one seed the interval is that of the images alone. */
  seeds: number;
}

/** How the bootstrap draws. */
export interface CrossedOptions {
  /** Default 0. */
  seed?: number;
  /** Default 1,000. */
  resamples?: number;
}

/**
 * The mean of a table with its interval: ± Student's quantile times the standard error of a bootstrap that draws rows and
 * columns with replacement, independently (the pigeonhole bootstrap, Owen 2007; a little wide where a cell has noise of its
 * own). One fewer than there are is drawn, so that the variance of a mean over few seeds is not underestimated (Rao & Wu
 * 1988). The degrees of freedom are Welch and Satterthwaite's, of the two variances.
 *
 * ```ts
 * import { crossedInterval } from "./crossed.ts";
 * const { value, ci } = crossedInterval([[1, 2, 3], [2, 3, 4]]);
 * console.assert(value === 2.5 && ci[0] < 2.5 && ci[1] > 2.5);
 * ```
 *
 * @throws {UserError} if there are no rows, or rows of different lengths
 */
export function crossedInterval(table: TermTable, options: CrossedOptions = {}): Estimate {
  const columns = checkedColumns(table), k = table.length;
  const value = mean(table.map(mean));
  const df = Math.floor(degreesOfFreedom(table, columns)) || 1;
  const half = studentQuantile(df) * standardError(table, columns, options);
  return { value, ci: [value - half, value + half], seeds: k };
}

/**
 * What `after` has more than `before`, seed by seed and image by image. A table of one row (the untuned model, which has
 * no training seed) is paired with every row of the other.
 *
 * @throws {UserError} if they differ in their columns, or both have several rows but not as many
 */
export function differences(after: TermTable, before: TermTable): Float64Array[] {
  return paired(after, before, (a, b) => a - b);
}

/**
 * Terms of the relative change mean(after) / mean(before) − 1, to first order (the delta method): their mean is the
 * change itself.
 *
 * @throws {UserError} as {@linkcode differences}
 */
export function relativeChanges(after: TermTable, before: TermTable): Float64Array[] {
  const base = mean(before.map(mean)), ratio = mean(after.map(mean)) / base;
  return paired(after, before, (a, b) => (a - ratio * b) / base + ratio - 1);
}

function paired(
  after: TermTable,
  before: TermTable,
  combine: (a: number, b: number) => number,
): Float64Array[] {
  checkedColumns([...after, ...before]);
  const rows = Math.max(after.length, before.length);
  for (const { length } of [after, before]) {
    if (length === rows || length === 1) continue;
    throw new UserError(`${after.length} seeds cannot be paired with ${before.length}; give the same seeds`);
  }
  const row = (table: TermTable, i: number) => table[table.length === 1 ? 0 : i]!;
  return Array.from({ length: rows }, (_, i) => {
    const b = row(before, i);
    return Float64Array.from(row(after, i), (a, j) => combine(a, b[j]!));
  });
}

function standardError(
  table: TermTable,
  columns: number,
  { seed = 0, resamples = 1000 }: CrossedOptions,
): number {
  const rows = draws("seeds", table.length, seed, resamples),
    items = draws("images", columns, seed, resamples);
  const means = Float64Array.from(rows, (chosen, r) => {
    let sum = 0;
    for (const i of chosen) for (const j of items[r]!) sum += table[i]![j]!;
    return sum / (chosen.length * items[r]!.length);
  });
  return Math.sqrt(variance(means));
}

/** A pure function's values, kept: the same draws serve every score of every model. */
const drawn = new Map<string, Int32Array[]>();

/** So many times one fewer than n of the numbers 0 … n-1, with replacement; of one that one. */
function draws(what: string, n: number, seed: number, resamples: number): Int32Array[] {
  const name = [what, n, seed, resamples].join(), known = drawn.get(name);
  if (known) return known;
  const key = (sample: number) => ({ seed, purpose: `crossed bootstrap, ${what}`, step: 0, sample });
  const made = Array.from(
    { length: resamples },
    (_, r) => n === 1 ? Int32Array.of(0) : integer(key(r), n - 1, n),
  );
  drawn.set(name, made);
  return made;
}

/** Welch 1947: of the sum of the variances of the mean over rows and over columns. */
function degreesOfFreedom(table: TermTable, columns: number): number {
  const byColumn = Array.from({ length: columns }, (_, j) => mean(table.map((row) => row[j]!)));
  const parts = [table.map(mean), byColumn].filter(({ length }) => length > 1)
    .map((means) => ({ variance: variance(means) / means.length, df: means.length - 1 }));
  const total = parts.reduce((sum, part) => sum + part.variance, 0);
  return total ** 2 / parts.reduce((sum, part) => sum + part.variance ** 2 / part.df, 0);
}

function checkedColumns(table: TermTable): number {
  const lengths = [...new Set(table.map(({ length }) => length))];
  if (lengths.length === 1 && lengths[0]! > 0) return lengths[0]!;
  throw new UserError(
    table.length === 0
      ? "a score over seeds needs the terms of at least one seed; none were given"
      : `terms of ${lengths.join(", ")} groups of images cannot be compared; evaluate with the same n`,
  );
}
