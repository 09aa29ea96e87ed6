import assert from "node:assert/strict";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { choleskyRoot } from "../../../src/metrics/statistics/cholesky.ts";
import { symmetricEigenvalues } from "../../../src/metrics/statistics/eigenvalues.ts";
import { assertClose } from "../../support.ts";
import { gaussianFeatures } from "../distances/gaussians.ts";

/** Aᵀ A of a random A [rank, n]. */
function positive(n: number, rank: number, sample: number): Matrix {
  const { data } = gaussianFeatures(rank, n, sample), a = Matrix.from1DArray(rank, n, Array.from(data));
  return a.transpose().mmul(a);
}

function sorted(values: ArrayLike<number>): number[] {
  return Array.from(values).sort((a, b) => a - b);
}

Deno.test("symmetricEigenvalues() are those of ml-matrix, also of indefinite, diagonal and 1×1 matrices", () => {
  const indefinite = positive(23, 23, 1).sub(positive(23, 23, 2));
  for (const matrix of [indefinite, positive(9, 4, 3), Matrix.diag([3, 0, -1, 3]), new Matrix([[7]])]) {
    const expected = new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues;
    const actual = symmetricEigenvalues(Float64Array.from(matrix.to1DArray()), matrix.rows);
    assertClose(sorted(actual), sorted(expected), { relative: 1e-13, absolute: 1e-13 });
  }
});

Deno.test("choleskyRoot() of a singular matrix has as many rows as its rank, and gives the matrix back", () => {
  for (const [n, rank] of [[12, 12], [12, 5], [3, 1]] as const) {
    const matrix = positive(n, rank, 4), data = Float64Array.from(matrix.to1DArray());
    const root = choleskyRoot({ n, d: n, data });
    assert.equal(root.n, rank);
    const factor = Matrix.from1DArray(root.n, n, Array.from(root.data));
    assertClose(factor.transpose().mmul(factor).to1DArray(), data, { relative: 1e-13 });
  }
  assert.equal(choleskyRoot({ n: 2, d: 2, data: new Float64Array(4) }).n, 0);
});
