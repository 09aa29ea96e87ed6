import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { permutation } from "../runtime/random.ts";
import { checkFeatures, type Features } from "./features.ts";

/** Mean [d] and unbiased covariance [d, d] of a feature matrix, in float64. */
export interface Gaussian {
  mean: Float64Array;
  covariance: Matrix;
}

/**
 * Mean and covariance (divided by n - 1) of the rows.
 *
 * @throws {UserError} if there are fewer than two rows, or values that are not finite
 */
export function gaussian(features: Features): Gaussian {
  checkFeatures("these", features, 2);
  const mean = meanOf(features);
  const everything = Uint32Array.from({ length: features.n }, (_, i) => i);
  return { mean, covariance: scatter(features, mean, everything).scatter.mul(1 / (features.n - 1)) };
}

/**
 * The Gaussians of the rows without the first group, without the second, …: for a jackknife over `groups` random groups
 * of equal size (within one). Downdates the moments of all rows, so all of them cost one more pass over the data.
 */
export function* leaveGroupOut(features: Features, groups: number, seed: number): Generator<Gaussian> {
  const { n, d } = features, mean = meanOf(features);
  const order = permutation({ seed, purpose: "jackknife groups", step: 0 }, n);
  const all = scatter(features, mean, order).scatter;
  for (let g = 0; g < groups; g++) {
    const group = order.subarray(Math.round(g * n / groups), Math.round((g + 1) * n / groups));
    const left = n - group.length, part = scatter(features, mean, group);
    // The rows that stay sum to -part.sum about the overall mean.
    const shift = part.sum.map((value) => -value / left);
    const covariance = Matrix.sub(all, part.scatter);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        covariance.set(i, j, (covariance.get(i, j) - left * shift[i]! * shift[j]!) / (left - 1));
      }
    }
    yield { mean: mean.map((value, i) => value + shift[i]!), covariance };
  }
}

/** Eigenvalues λ and eigenvectors (columns of V) of a positive semi-definite matrix, without the directions of λ = 0. */
export function eigen(symmetric: Matrix): { values: number[]; vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, {
    assumeSymmetric: true,
  });
  // Round-off of the decomposition: what lies below is 0 for a singular matrix, and would be noise under a square root.
  const least = symmetric.rows * Number.EPSILON * Math.max(0, ...realEigenvalues);
  const kept = realEigenvalues.flatMap((value, i) => value > least ? [i] : []);
  return { values: kept.map((i) => realEigenvalues[i]!), vectors: eigenvectorMatrix.subMatrixColumn(kept) };
}

function meanOf({ n, d, data }: Features): Float64Array {
  const mean = new Float64Array(d);
  for (let at = 0; at < n * d; at++) mean[at % d]! += data[at]!;
  return mean.map((sum) => sum / n);
}

/** Σ (x - mean) [d] and Σ (x - mean)(x - mean)ᵀ [d, d] over the given rows. */
function scatter(
  { d, data }: Features,
  mean: Float64Array,
  rows: Uint32Array,
): { sum: Float64Array; scatter: Matrix } {
  const sum = new Float64Array(d), out = new Float64Array(d * d), x = new Float64Array(d);
  for (const row of rows) {
    for (let i = 0; i < d; i++) sum[i]! += x[i] = data[row * d + i]! - mean[i]!;
    for (let i = 0; i < d; i++) {
      const xi = x[i]!, at = i * d;
      for (let j = i; j < d; j++) out[at + j]! += xi * x[j]!;
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) out[i * d + j] = out[j * d + i]!;
  return { sum, scatter: Matrix.from1DArray(d, d, out) };
}
