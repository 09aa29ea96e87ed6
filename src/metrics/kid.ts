import { UserError } from "../runtime/errors.ts";
import { permutation } from "../runtime/random.ts";
import { checkSameSpace, type Features, takeRows } from "./features.ts";
import { NORMAL_QUANTILE } from "./interval.ts";
import { mmd, type MmdEstimate } from "./mmd.ts";
import type { Score } from "./score.ts";

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
export function kid(
  generated: Features,
  reference: Features,
  { subsetSize = 1000, seed = 0 }: KidOptions = {},
): Score {
  checkSameSpace({ reference, generated }, 4);
  if (!(subsetSize >= 3)) {
    throw new UserError(`KID's subsetSize is ${subsetSize}; expected a whole number from 3 on`);
  }
  const subsets = Math.max(1, Math.floor(Math.min(generated.n, reference.n) / subsetSize));
  const left = split(generated, subsets, seed, "generated"),
    right = split(reference, subsets, seed, "reference");
  let sum = 0, variance = 0;
  for (let s = 0; s < subsets; s++) {
    const estimate = polynomialMmd(left[s]!, right[s]!);
    sum += estimate.value;
    variance += estimate.variance;
  }
  const value = sum / subsets, half = NORMAL_QUANTILE * Math.sqrt(variance) / subsets;
  return { value, ci: [value - half, value + half], n: generated.n, nReference: reference.n };
}

/**
 * Unbiased estimate of MMD² under (x·y/d + 1)³ from all pairs (Gretton et al. 2012, eq. 3), and its jackknife variance
 * over the images of both sides.
 */
export function polynomialMmd(x: Features, y: Features): MmdEstimate {
  return mmd(x, y, (product) => (product / x.d + 1) ** 3, "unbiased");
}

function split(features: Features, parts: number, seed: number, purpose: string): Features[] {
  if (parts === 1) return [features];
  const { n } = features, order = permutation({ seed, purpose: `kid ${purpose}`, step: 0 }, n);
  return Array.from(
    { length: parts },
    (_, s) => takeRows(features, order.subarray(Math.round(s * n / parts), Math.round((s + 1) * n / parts))),
  );
}
