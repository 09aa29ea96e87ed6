import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { eachRowOfProducts, type Rows } from "./pairwise.ts";

/** An affine map from F to D numbers: y = W x + b. */
export interface AffineMap {
  /** W [D, F], row by row. */
  weight: Float64Array;
  /** b [D] */
  bias: Float64Array;
}

/**
 * Prepares ridge regressions (Hoerl & Kennard 1970) of `y` on `x`, rows of which belong together: of all affine maps the
 * one with the least Σ |y - W x - b|² + λ |W S|², where S holds the standard deviations of x, so that λ means the same
 * whatever the units of x; the bias is not drawn to 0. In closed form, in float64.
 *
 * ```ts
 * import { ridgeRegression } from "./ridge.ts";
 * const x = { n: 3, d: 1, data: Float64Array.of(0, 1, 2) }, y = { n: 3, d: 1, data: Float64Array.of(1, 3, 5) };
 * console.log(ridgeRegression(x, y)(0)); // weight 2, bias 1
 * ```
 *
 * @param x [n, F]; @param y [n, D]
 * @returns the map for a λ above 0, or 0 where no feature follows from the others
 */
export function ridgeRegression(x: Rows, y: Rows): (lambda: number) => AffineMap {
  const means = columnMeans(x), targets = columnMeans(y);
  const columns = transposed(x, means), deviations = new Float64Array(x.d);
  columns.forEach((column, k) => {
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + value * value, 0) / x.n);
    deviations[k] = deviation > 0 ? deviation : 1; // a constant says nothing: its column is 0
    column.forEach((value, i) => column[i] = value / deviations[k]!);
  });
  const z = rowsOf(columns, x.n), gram = new Matrix(x.d, x.d), moments = new Matrix(x.d, y.d);
  eachRowOfProducts(z, z, (k, row) => gram.setRow(k, row));
  eachRowOfProducts(z, rowsOf(transposed(y, targets), y.n), (k, row) => moments.setRow(k, row));
  return (lambda) => {
    const solved = new CholeskyDecomposition(Matrix.add(gram, Matrix.eye(x.d, x.d, lambda))).solve(moments);
    const weight = new Float64Array(y.d * x.d), bias = Float64Array.from(targets);
    for (let j = 0; j < y.d; j++) {
      for (let k = 0; k < x.d; k++) {
        const value = solved.get(k, j) / deviations[k]!;
        weight[j * x.d + k] = value;
        bias[j]! -= value * means[k]!;
      }
    }
    return { weight, bias };
  };
}

function columnMeans({ n, d, data }: Rows): Float64Array {
  const means = new Float64Array(d);
  for (let at = 0; at < n * d; at++) means[at % d]! += data[at]! / n;
  return means;
}

/** The columns, without their means. */
function transposed({ n, d, data }: Rows, means: Float64Array): Float64Array[] {
  return Array.from(
    { length: d },
    (_, k) => Float64Array.from({ length: n }, (_, i) => data[i * d + k]! - means[k]!),
  );
}

function rowsOf(rows: readonly Float64Array[], d: number): Rows {
  const data = new Float64Array(rows.length * d);
  rows.forEach((row, k) => data.set(row, k * d));
  return { n: rows.length, d, data };
}
