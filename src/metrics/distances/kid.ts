import { UserError } from "../../runtime/errors.ts";
import { permutation } from "../../runtime/random.ts";
import { checkSameSpace, type Features, takeRows } from "../features/features.ts";
import { jackknifeTerms } from "../statistics/groups.ts";
import { type Interval, mean, NORMAL_QUANTILE } from "../statistics/interval.ts";
import type { Score } from "../statistics/score.ts";
import { mmd, type MmdEstimate } from "./mmd.ts";

/** How a KID is estimated. */
export interface KidOptions {
  /** Images of each side in a subset, at least 3: cost grows with n · subsetSize. Default 1,000, as in the paper. */
  subsetSize?: number;
  /** Which images go into which subset. Default 0. */
  seed?: number;
}

/**
 * KID (Bińkowski et al. 2018): the squared maximum mean discrepancy of the features under the polynomial kernel
 * (x·y/d + 1)³, lower is better. Unbiased: 0 on average for two samples of one distribution, so it can be negative.
 *
 * Both sides are split at random into disjoint subsets of `subsetSize` or somewhat more; the value is the mean of the
 * subsets' unbiased estimates. The interval is for new samples on both sides: normal, with each subset's
 * leave-one-image-out jackknife variance (which at MMD² = 0 errs on the wide side).
 *
 * @throws {UserError} if the features are of different networks, not finite, or fewer than 4; or subsetSize is below 3
 */
export function kid(generated: Features, reference: Features, options: KidOptions = {}): Score {
  return kidWithTerms(generated, reference, options).score;
}

/** The {@linkcode kid}, and one number for each generated image: their mean is the KID, their spread its sampling error. */
export function kidWithTerms(
  generated: Features,
  reference: Features,
  { subsetSize = 1000, seed = 0 }: KidOptions = {},
): { score: Score; terms: Float64Array } {
  checkSameSpace({ reference, generated }, 4);
  if (!(subsetSize >= 3)) {
    throw new UserError(`KID's subsetSize is ${subsetSize}; expected a whole number from 3 on`);
  }
  const subsets = Math.max(1, Math.floor(Math.min(generated.n, reference.n) / subsetSize));
  const left = split(generated.n, subsets, seed, "generated"),
    right = split(reference.n, subsets, seed, "reference");
  const estimates = left.map((rows, s) =>
    polynomialMmd(takeRows(generated, rows), takeRows(reference, right[s]!))
  );
  const value = mean(estimates.map((estimate) => estimate.value));
  const half = NORMAL_QUANTILE * Math.sqrt(mean(estimates.map(({ variance }) => variance)) / subsets);
  const terms = new Float64Array(generated.n);
  for (const [s, rows] of left.entries()) {
    const { value: part, leftOut } = estimates[s]!, share = generated.n / (subsets * rows.length);
    jackknifeTerms(part, leftOut).forEach((term, i) => terms[rows[i]!] = value + share * (term - part));
  }
  const score = {
    value,
    ci: [value - half, value + half] as Interval,
    n: generated.n,
    nReference: reference.n,
  };
  return { score, terms };
}

/**
 * Unbiased estimate of MMD² under (x·y/d + 1)³ from all pairs (Gretton et al. 2012, eq. 3), and its jackknife variance
 * over the images of both sides.
 */
export function polynomialMmd(x: Features, y: Features): MmdEstimate {
  return mmd(x, y, (product) => (product / x.d + 1) ** 3, "unbiased");
}

function split(n: number, parts: number, seed: number, purpose: string): Uint32Array[] {
  const order = permutation({ seed, purpose: `kid ${purpose}`, step: 0 }, n);
  return Array.from(
    { length: parts },
    (_, s) => order.subarray(Math.round(s * n / parts), Math.round((s + 1) * n / parts)),
  );
}
