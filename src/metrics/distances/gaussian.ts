import { Matrix } from "ml-matrix";
import { checkFeatures, type Features } from "../features/features.ts";
import { randomGroups } from "../statistics/groups.ts";
import type { Rows } from "../statistics/pairwise.ts";

/** Mean [d] and unbiased covariance [d, d] of a feature matrix, in float64. */
export interface Gaussian {
  mean: Float64Array;
  covariance: Matrix;
  /** Of fewer than d samples: R [n, d] with covariance RᵀR, the smaller of the two. */
  rows?: Rows;
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
  const covariance = scatter(features, mean, everything).scatter.mul(1 / (features.n - 1));
  return { mean, covariance, ...rowsIfFew(features, mean, everything) };
}

/**
 * The Gaussians of the rows without the first group, without the second, …: for a jackknife over `groups` random groups
 * of equal size (within one). Downdates the moments of all rows, so all of them cost one more pass over the data.
 */
export function* leaveGroupOut(features: Features, groups: number, seed: number): Generator<Gaussian> {
  const { n, d } = features, mean = meanOf(features);
  const parts = randomGroups(n, groups, seed), everything = Uint32Array.from({ length: n }, (_, i) => i);
  const all = scatter(features, mean, everything).scatter;
  for (const group of parts) {
    const left = n - group.length, part = scatter(features, mean, group);
    // The rows that stay sum to -part.sum about the overall mean.
    const shift = part.sum.map((value) => -value / left);
    const covariance = Matrix.sub(all, part.scatter);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        covariance.set(i, j, (covariance.get(i, j) - left * shift[i]! * shift[j]!) / (left - 1));
      }
    }
    const about = mean.map((value, i) => value + shift[i]!), leftOut = new Set(group);
    yield {
      mean: about,
      covariance,
      ...rowsIfFew(features, about, everything.filter((i) => !leftOut.has(i))),
    };
  }
}

/** The centred rows of few samples, scaled so that their products sum to the covariance. */
function rowsIfFew({ d, data }: Features, mean: Float64Array, rows: Uint32Array): { rows?: Rows } {
  const n = rows.length, scale = 1 / Math.sqrt(n - 1);
  if (n >= d) return {};
  const centred = new Float64Array(n * d);
  rows.forEach((row, at) => {
    for (let i = 0; i < d; i++) centred[at * d + i] = (data[row * d + i]! - mean[i]!) * scale;
  });
  return { rows: { n, d, data: centred } };
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
  const sum = new Float64Array(d), out = new Float64Array(d * d);
  const centred = (row: number | undefined, into: Float64Array) => {
    if (row === undefined) return into.fill(0);
    for (let i = 0; i < d; i++) sum[i]! += into[i] = data[row * d + i]! - mean[i]!;
    return into;
  };
  // Four rows a pass: the sums are read and written a quarter as often.
  const [a, b, c, e] = [0, 1, 2, 3].map(() => new Float64Array(d)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let k = 0; k < rows.length; k += 4) {
    [a, b, c, e].forEach((x, p) => centred(rows[k + p], x));
    for (let i = 0; i < d; i++) {
      const ai = a[i]!, bi = b[i]!, ci = c[i]!, ei = e[i]!, at = i * d;
      for (let j = i; j < d; j++) out[at + j]! += ai * a[j]! + bi * b[j]! + ci * c[j]! + ei * e[j]!;
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) out[i * d + j] = out[j * d + i]!;
  return { sum, scatter: Matrix.from1DArray(d, d, out) };
}
