import { integer } from "../../runtime/random.ts";

/** A 95 % confidence interval: [low, high]. */
export type Interval = [low: number, high: number];

/** How a bootstrap draws. */
export interface BootstrapOptions {
  /** Which numbers to draw; the same seed and purpose give the same interval. */
  seed: number;
  purpose: string;
  /** How many resamples. Default 1,000. */
  resamples?: number;
}

/**
 * Percentile bootstrap of a mean (Efron 1979): the 2.5 % and 97.5 % quantiles of the means of resamples drawn with
 * replacement from `values`.
 *
 * ```ts
 * import { bootstrapMean } from "./interval.ts";
 * const [low, high] = bootstrapMean([1, 2, 3, 4, 5], { seed: 0, purpose: "example" });
 * console.assert(low >= 1 && low < 3 && high > 3 && high <= 5);
 * ```
 */
export function bootstrapMean(
  values: ArrayLike<number>,
  options: BootstrapOptions,
): Interval {
  return bootstrap(values, mean, options);
}

/** {@linkcode bootstrapMean} of a median. */
export function bootstrapMedian(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  return bootstrap(values, (drawn) => quantile(drawn, 0.5), options);
}

function bootstrap(
  values: ArrayLike<number>,
  statistic: (drawn: Float64Array) => number,
  { seed, purpose, resamples = 1000 }: BootstrapOptions,
): Interval {
  const n = values.length, all = new Float64Array(resamples), drawn = new Float64Array(n);
  for (let r = 0; r < resamples; r++) {
    const places = integer({ seed, purpose: `bootstrap ${purpose}`, step: 0, sample: r }, n, n);
    for (let i = 0; i < n; i++) drawn[i] = values[places[i]!]!;
    all[r] = statistic(drawn);
  }
  return [quantile(all, 0.025), quantile(all, 0.975)];
}

/**
 * Wilson's score interval of a share of `n` independent yes/no answers (Wilson 1927): unlike a bootstrap it keeps a
 * width at shares of 0 and 1.
 */
export function wilsonInterval(share: number, n: number): Interval {
  const z = NORMAL_QUANTILE, shrink = 1 + z * z / n;
  const centre = (share + z * z / (2 * n)) / shrink;
  const half = z / shrink * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/**
 * Student's interval of the mean of a few independent values, e.g. one FID per training seed.
 *
 * @returns the mean and its interval; the interval is unbounded when there is only one value
 */
export function meanInterval(values: ArrayLike<number>): { mean: number; ci: Interval } {
  const n = values.length, m = mean(values);
  if (n < 2) return { mean: m, ci: [-Infinity, Infinity] };
  const half = studentQuantile(n - 1) * Math.sqrt(variance(values) / n);
  return { mean: m, ci: [m - half, m + half] };
}

/** Jackknife variance of an estimate from its values with one of g equal groups left out (Efron & Stein 1981). */
export function jackknifeVariance(leftOut: ArrayLike<number>): number {
  const g = leftOut.length;
  return (g - 1) / g * sumOfSquares(leftOut);
}

/** The p-quantile, linear between order statistics (type 7 of Hyndman & Fan 1996, numpy's default). */
export function quantile(values: ArrayLike<number>, p: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = p * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

/** Arithmetic mean. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** The unbiased variance of a sample. */
export function variance(values: ArrayLike<number>): number {
  return sumOfSquares(values) / (values.length - 1);
}

/** Σ (v - mean)². */
function sumOfSquares(values: ArrayLike<number>): number {
  const m = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - m) ** 2;
  return sum;
}

/** The normal distribution's 0.975 quantile. */
export const NORMAL_QUANTILE = 1.959963984540054;

/** Student's 0.975 quantiles for 1 … 10 degrees of freedom, where the expansion below is off by more than 1.2e-4. */
// deno-fmt-ignore
const STUDENT = [12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139];

/** The 0.975 quantile of Student's t (Cornish-Fisher expansion in 1/df, Abramowitz & Stegun 26.7.5, from df 11 on). */
export function studentQuantile(df: number): number {
  if (df <= STUDENT.length) return STUDENT[df - 1]!;
  const z = NORMAL_QUANTILE;
  return z + (z ** 3 + z) / (4 * df) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * df ** 3);
}
