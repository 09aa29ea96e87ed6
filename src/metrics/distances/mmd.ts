import { jackknifeVariance } from "../statistics/interval.ts";
import { eachRowOfProducts, type Rows } from "../statistics/pairwise.ts";

/** A kernel that depends on the scalar product of two rows only. */
export type Kernel = (product: number) => number;

/** A squared maximum mean discrepancy, and its variance over samples of both sides. */
export interface MmdEstimate {
  value: number;
  variance: number;
  /** The value without the first row of x, without the second, … */
  leftOut: Float64Array;
}

/**
 * MMD² of the rows of x and y from all pairs (Gretton et al. 2012), and its jackknife variance over the images of both
 * sides. "unbiased" (eq. 3) leaves out the pairs of a row with itself; "biased" (eq. 5) counts them, and is above 0.
 */
export function mmd(x: Rows, y: Rows, kernel: Kernel, estimator: "unbiased" | "biased"): MmdEstimate {
  const n = x.n, m = y.n, biased = estimator === "biased";
  const xx = kernelSums(x, x, kernel, biased), yy = kernelSums(y, y, kernel, biased);
  const xy = kernelSums(x, y, kernel, true);
  const pairs = (n: number) => biased ? n * n : n * (n - 1);
  const value = (a: number, b: number, c: number, n: number, m: number) =>
    a / pairs(n) + b / pairs(m) - 2 * c / (n * m);
  const without = (sums: KernelSums, i: number) => sums.total - 2 * sums.rows[i]! + sums.diagonal[i]!;
  const withoutX = xy.rows.map((row, i) => value(without(xx, i), yy.total, xy.total - row, n - 1, m));
  const withoutY = xy.columns.map((column, j) =>
    value(xx.total, without(yy, j), xy.total - column, n, m - 1)
  );
  return {
    value: value(xx.total, yy.total, xy.total, n, m),
    variance: jackknifeVariance(withoutX) + jackknifeVariance(withoutY),
    leftOut: withoutX,
  };
}

/** Sums of a kernel matrix. */
interface KernelSums {
  rows: Float64Array;
  columns: Float64Array;
  total: number;
  /** Its diagonal as far as it is in the sums, else 0. */
  diagonal: Float64Array;
}

function kernelSums(x: Rows, y: Rows, kernel: Kernel, countDiagonal: boolean): KernelSums {
  const rows = new Float64Array(x.n), columns = new Float64Array(y.n), diagonal = new Float64Array(x.n);
  let total = 0;
  eachRowOfProducts(x, y, (i, products) => {
    let sum = 0;
    for (let j = 0; j < products.length; j++) {
      if (j === i && !countDiagonal) continue;
      const value = kernel(products[j]!);
      sum += value;
      columns[j]! += value;
      if (j === i) diagonal[i] = value;
    }
    rows[i] = sum;
    total += sum;
  });
  return { rows, columns, total, diagonal };
}
