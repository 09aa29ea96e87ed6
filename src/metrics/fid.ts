import { Matrix } from "ml-matrix";
import { checkSameSpace, type Features } from "./features.ts";
import { eigen, type Gaussian, gaussian, leaveGroupOut } from "./gaussian.ts";
import { jackknifeVariance, studentQuantile } from "./interval.ts";
import type { Score } from "./score.ts";

/**
 * Fréchet distance of two Gaussians (Dowson & Landau 1982), the 2-Wasserstein distance squared:
 * |μ₁ - μ₂|² + tr(S₁ + S₂ - 2 (S₁^½ S₂ S₁^½)^½). In float64; singular covariances are fine.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  return frechetDistanceTo(b)(a);
}

/** {@linkcode frechetDistance} to one Gaussian, whose root is taken only once. */
export function frechetDistanceTo(reference: Gaussian): (other: Gaussian) => number {
  const { values, vectors } = eigen(reference.covariance);
  // S = R Rᵀ with R [d, r], r the rank: tr (S^½ C S^½)^½ = tr (Rᵀ C R)^½.
  const root = Matrix.mul(
    vectors,
    Matrix.ones(vectors.rows, 1).mmul(Matrix.rowVector(values.map(Math.sqrt))),
  );
  const trace = reference.covariance.trace();
  return ({ mean, covariance }) => {
    let shift = 0;
    for (let i = 0; i < mean.length; i++) shift += (mean[i]! - reference.mean[i]!) ** 2;
    const product = root.transpose().mmul(covariance).mmul(root);
    const overlap = eigen(product).values.reduce((sum, value) => sum + Math.sqrt(value), 0);
    return Math.max(0, shift + covariance.trace() + trace - 2 * overlap);
  };
}

/** How the interval of a FID is made. */
export interface FidOptions {
  /** Groups of the jackknife. Default 20. */
  groups?: number;
  /** Which images go into which group. Default 0. */
  seed?: number;
}

/**
 * FID of the generated images against the reference (Heusel et al. 2017), on whatever network's features: lower is
 * better, biased upwards at small n, so only to be read beside its floor and never across different n.
 *
 * The interval is for new samples of the same generator and this reference: a jackknife over random groups of generated
 * images, ± Student's quantile times its standard error. (A bootstrap repeats images, which by itself raises a FID.)
 *
 * ```ts
 * import { fid } from "./fid.ts";
 * const x = { n: 4, d: 2, data: Float32Array.of(0, 0, 1, 0, 0, 1, 1, 1) };
 * console.assert(fid(x, x).value < 1e-12);
 * ```
 *
 * @throws {UserError} if the features are of different networks, not finite, or fewer than 4
 */
export function fid(
  generated: Features,
  reference: Features,
  { groups = 20, seed = 0 }: FidOptions = {},
): Score {
  checkSameSpace({ reference, generated }, 4);
  const distance = frechetDistanceTo(gaussian(reference));
  const value = distance(gaussian(generated));
  const parts = Math.min(groups, Math.floor(generated.n / 2));
  const leftOut = Array.from(leaveGroupOut(generated, parts, seed), distance);
  const half = studentQuantile(parts - 1) * Math.sqrt(jackknifeVariance(leftOut));
  return { value, ci: [Math.max(0, value - half), value + half], n: generated.n, nReference: reference.n };
}
