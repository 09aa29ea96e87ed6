/** A matrix [n, d], row-major, in either precision. */
export interface Rows {
  n: number;
  d: number;
  data: Float32Array | Float64Array;
}

/** Called with row i of a matrix [a.n, b.n]; the row is reused for the next call. */
export type VisitRow = (i: number, row: Float64Array) => void;

/**
 * Scalar products of every row of `a` with every row of `b`, in float64, one row of the matrix [a.n, b.n] at a time,
 * so that the matrix itself is never in memory. Plain typed arrays: the same numbers whatever engine runs.
 */
export function eachRowOfProducts(a: Rows, b: Rows, visit: VisitRow): void {
  const { n, d } = a, panelsB = packAll(b), panelA = new Float64Array(4 * d);
  const width = 4 * Math.ceil(b.n / 4);
  const rows = [0, 1, 2, 3].map(() => new Float64Array(width));
  const views = rows.map((row) => row.subarray(0, b.n));
  for (let i = 0; i < n; i += 4) {
    pack(a, i, panelA, 0);
    for (let j = 0; j < width; j += 4) multiplyPanels(panelA, panelsB, j * d, rows, j);
    for (let p = 0; p < 4 && i + p < n; p++) visit(i + p, views[p]!);
  }
}

/**
 * Squared Euclidean distances |a_i - b_j|², row by row as {@linkcode eachRowOfProducts}. Never negative, and exactly 0
 * for equal rows.
 */
export function eachRowOfDistances(a: Rows, b: Rows, visit: VisitRow): void {
  const normsA = squaredNorms(a), normsB = a === b ? normsA : squaredNorms(b);
  eachRowOfProducts(a, b, (i, row) => {
    const norm = normsA[i]!;
    for (let j = 0; j < row.length; j++) row[j] = Math.max(0, norm + normsB[j]! - 2 * row[j]!);
    visit(i, row);
  });
}

/** Summed in the same order as the products, so that |x|² + |x|² - 2 x·x is exactly 0. */
function squaredNorms({ n, d, data }: Rows): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = i * d; k < (i + 1) * d; k++) sum += data[k]! * data[k]!;
    out[i] = sum;
  }
  return out;
}

/** Rows i … i+3 side by side, [d, 4]; rows beyond the last are zero. */
function pack({ n, d, data }: Rows, i: number, out: Float64Array, at: number): void {
  for (let p = 0; p < 4; p++) {
    const row = (i + p) * d, inside = i + p < n;
    for (let k = 0; k < d; k++) out[at + 4 * k + p] = inside ? data[row + k]! : 0;
  }
}

function packAll(x: Rows): Float64Array {
  const out = new Float64Array(4 * Math.ceil(x.n / 4) * x.d);
  for (let i = 0; i < x.n; i += 4) pack(x, i, out, i * x.d);
  return out;
}

/** rows[p][j + q] = Σ_k a[k, p] · b[k, q] for p, q = 0 … 3: sixteen sums per pass over two panels [d, 4]. */
function multiplyPanels(a: Float64Array, b: Float64Array, at: number, rows: Float64Array[], j: number): void {
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let k = 0; k < a.length; k += 4) {
    const a0 = a[k]!, a1 = a[k + 1]!, a2 = a[k + 2]!, a3 = a[k + 3]!;
    const b0 = b[at + k]!, b1 = b[at + k + 1]!, b2 = b[at + k + 2]!, b3 = b[at + k + 3]!;
    s00 += a0 * b0, s10 += a1 * b0, s20 += a2 * b0, s30 += a3 * b0;
    s01 += a0 * b1, s11 += a1 * b1, s21 += a2 * b1, s31 += a3 * b1;
    s02 += a0 * b2, s12 += a1 * b2, s22 += a2 * b2, s32 += a3 * b2;
    s03 += a0 * b3, s13 += a1 * b3, s23 += a2 * b3, s33 += a3 * b3;
  }
  const [r0, r1, r2, r3] = rows as [Float64Array, Float64Array, Float64Array, Float64Array];
  r0[j] = s00, r0[j + 1] = s01, r0[j + 2] = s02, r0[j + 3] = s03;
  r1[j] = s10, r1[j + 1] = s11, r1[j + 2] = s12, r1[j + 3] = s13;
  r2[j] = s20, r2[j + 1] = s21, r2[j + 2] = s22, r2[j + 3] = s23;
  r3[j] = s30, r3[j + 1] = s31, r3[j + 2] = s32, r3[j + 3] = s33;
}
