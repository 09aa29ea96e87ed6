import type { Matrix } from "ml-matrix";
import { checkSameSpace, type Features } from "../features/features.ts";
import { choleskyRoot } from "../statistics/cholesky.ts";
import { symmetricEigenvalues } from "../statistics/eigenvalues.ts";
import { jackknifeVariance, studentQuantile } from "../statistics/interval.ts";
import { eachRowOfProducts, type Rows } from "../statistics/pairwise.ts";
import type { Score } from "../statistics/score.ts";
import { type Gaussian, gaussian, leaveGroupOut } from "./gaussian.ts";

/**
 * Fréchet distance of two Gaussians (Dowson & Landau 1982), the 2-Wasserstein distance squared:
 * |μ₁ - μ₂|² + tr(S₁ + S₂ - 2 (S₁^½ S₂ S₁^½)^½). In float64; singular covariances are fine.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  return frechetDistanceTo(b)(a);
}

/** {@linkcode frechetDistance} to one Gaussian, whose root is taken only once. */
export function frechetDistanceTo(reference: Gaussian): (other: Gaussian) => number {
  // S = Lᵀ L with L [r, d]: tr (S^½ C S^½)^½ = tr (L C Lᵀ)^½, which needs no eigenvectors. Of few samples C = Rᵀ R, and with
  // M = R Lᵀ the same as tr (M Mᵀ)^½, the smaller matrix with the same eigenvalues but for zeros.
  const root = choleskyRoot(rowsOf(reference.covariance)), trace = reference.covariance.trace();
  const between = ({ rows, covariance }: Gaussian) => {
    if (!rows) return products(products(root, rowsOf(covariance)), root);
    const across = products(rows, root);
    return products(across, across);
  };
  return (other) => {
    const { mean, covariance } = other;
    let shift = 0;
    for (let i = 0; i < mean.length; i++) shift += (mean[i]! - reference.mean[i]!) ** 2;
    const overlap = traceOfRoot(between(other));
    return Math.max(0, shift + covariance.trace() + trace - 2 * overlap);
  };
}

/** Σ √λ over the eigenvalues of a positive semi-definite matrix [n, n], without the round-off of those that are 0. */
function traceOfRoot({ n, data }: Rows & { data: Float64Array }): number {
  const values = symmetricEigenvalues(data, n);
  const least = n * Number.EPSILON * values.reduce((most, value) => Math.max(most, value), 0);
  return values.reduce((sum, value) => value > least ? sum + Math.sqrt(value) : sum, 0);
}

/** a bᵀ [a.n, b.n]. */
function products(a: Rows, b: Rows): Rows & { data: Float64Array } {
  const data = new Float64Array(a.n * b.n);
  eachRowOfProducts(a, b, (i, row) => data.set(row, i * b.n));
  return { n: a.n, d: b.n, data };
}

function rowsOf(matrix: Matrix): Rows {
  const { rows: n, columns: d } = matrix, data = new Float64Array(n * d);
  for (let i = 0; i < n; i++) data.set(matrix.getRow(i), i * d);
  return { n, d, data };
}

/** How the interval of a FID is made. */
export interface FidOptions {
  /** Groups of the jackknife, each of which costs as much as the FID. Default 20; 10 from 1,000 features on. */
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
export function fid(generated: Features, reference: Features, options: FidOptions = {}): Score {
  return fidScore(fidEstimate(generated, reference, options), generated.n, reference.n);
}

/** The {@linkcode fid} with what its interval is made of. */
export function fidEstimate(
  generated: Features,
  reference: Features,
  options: FidOptions = {},
): FidEstimate {
  checkSameSpace({ reference, generated }, 4);
  return resultOf(fidSteps(generated, frechetDistanceTo(gaussian(reference)), options));
}

/** What work in steps comes to, done at once. */
export function resultOf<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** A FID, and the variance that it has over samples of the generator. */
export interface FidEstimate {
  value: number;
  variance: number;
  /** The FID with one of the groups of images left out, for each group. */
  leftOut: number[];
}

/**
 * The work of {@linkcode fid} in {@linkcode fidStepCount} steps, for callers that report progress in between.
 *
 * @param distance from the reference's Gaussian
 */
export function* fidSteps(
  generated: Features,
  distance: (other: Gaussian) => number,
  options: FidOptions = {},
): Generator<void, FidEstimate> {
  const value = distance(gaussian(generated)), leftOut: number[] = [];
  yield;
  const parts = groupsOf(generated, options);
  for (const part of leaveGroupOut(generated, parts, options.seed ?? 0)) {
    leftOut.push(distance(part));
    yield;
  }
  return { value, variance: jackknifeVariance(leftOut), leftOut };
}

/** How many steps {@linkcode fidSteps} takes. */
export function fidStepCount(generated: Features, options: FidOptions = {}): number {
  return 1 + groupsOf(generated, options);
}

/** The estimate with its interval. */
export function fidScore(
  { value, variance, leftOut }: FidEstimate,
  n: number,
  nReference: number,
): Score {
  const half = studentQuantile(leftOut.length - 1) * Math.sqrt(variance);
  return { value, ci: [Math.max(0, value - half), value + half], n, nReference };
}

function groupsOf({ n, d }: Features, { groups = d < 1000 ? 20 : 10 }: FidOptions): number {
  return Math.min(groups, Math.floor(n / 2));
}
