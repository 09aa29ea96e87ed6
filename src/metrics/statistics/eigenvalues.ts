/**
 * Eigenvalues of a symmetric matrix, in no order: Householder's reduction to a tridiagonal matrix, then QL steps with
 * implicit shifts (Golub & Van Loan, ch. 8.3), without vectors. In float64; 4/3 n³ operations.
 *
 * @param matrix [n, n], row-major, of which the lower triangle is read; overwritten
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, below } = tridiagonal(matrix, n);
  return tridiagonalEigenvalues(diagonal, below);
}

/** Reduces rows from the last one up: diagonal [n], and below[i] between i - 1 and i. */
function tridiagonal(a: Float64Array, n: number): { diagonal: Float64Array; below: Float64Array } {
  const diagonal = new Float64Array(n), below = new Float64Array(n), w = new Float64Array(n);
  for (let k = n - 1; k > 0; k--) {
    diagonal[k] = a[k * n + k]!;
    const v = a.subarray(k * n, k * n + k); // becomes the reflector I - β v vᵀ of the leading k rows
    let squares = 0;
    for (let i = 0; i < k - 1; i++) squares += v[i]! ** 2;
    const last = v[k - 1]!;
    if (squares === 0) {
      below[k] = last;
      continue;
    }
    const length = Math.sqrt(squares + last * last), alpha = last > 0 ? -length : length;
    below[k] = alpha;
    v[k - 1] = last - alpha;
    reflect(a, n, k, v, 1 / (length * length - last * alpha), w);
  }
  if (n > 0) diagonal[0] = a[0]!;
  return { diagonal, below };
}

/** A ← (I - β v vᵀ) A (I - β v vᵀ) on the leading k × k block, lower triangle only: A - v wᵀ - w vᵀ. */
function reflect(
  a: Float64Array,
  n: number,
  k: number,
  v: Float64Array,
  beta: number,
  w: Float64Array,
): void {
  w.fill(0, 0, k);
  for (let i = 0; i < k; i++) { // w = A v
    const at = i * n, vi = v[i]!;
    let sum = a[at + i]! * vi;
    for (let j = 0; j < i; j++) {
      const x = a[at + j]!;
      sum += x * v[j]!;
      w[j]! += x * vi;
    }
    w[i]! += sum;
  }
  let product = 0;
  for (let i = 0; i < k; i++) product += v[i]! * (w[i]! *= beta);
  for (let i = 0; i < k; i++) w[i]! -= beta * product / 2 * v[i]!;
  for (let i = 0; i < k; i++) {
    const at = i * n, vi = v[i]!, wi = w[i]!;
    for (let j = 0; j <= i; j++) a[at + j]! -= vi * w[j]! + wi * v[j]!;
  }
}

/** QL iteration on the tridiagonal matrix; `d` holds the eigenvalues afterwards. */
function tridiagonalEigenvalues(d: Float64Array, below: Float64Array): Float64Array {
  const n = d.length, e = new Float64Array(n);
  e.set(below.subarray(1));
  for (let start = 0; start < n; start++) {
    for (let steps = 0;; steps++) {
      let end = start;
      while (
        end < n - 1 && Math.abs(e[end]!) > Number.EPSILON * (Math.abs(d[end]!) + Math.abs(d[end + 1]!))
      ) {
        end++;
      }
      if (end === start) break;
      if (steps === 100) throw new Error("symmetricEigenvalues(): no convergence; are all numbers finite?");
      qlStep(d, e, start, end);
    }
  }
  return d;
}

/** One QL step with Wilkinson's shift on the block start … end, whose off-diagonal is e[start … end - 1]. */
function qlStep(d: Float64Array, e: Float64Array, start: number, end: number): void {
  const half = (d[start + 1]! - d[start]!) / (2 * e[start]!), root = Math.hypot(half, 1);
  let g = d[end]! - d[start]! + e[start]! / (half + (half < 0 ? -root : root));
  let s = 1, c = 1, p = 0;
  for (let i = end - 1; i >= start; i--) {
    const f = s * e[i]!, b = c * e[i]!, r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) { // the block falls apart
      d[i + 1]! -= p;
      e[end] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
  }
  d[start]! -= p;
  e[start] = g;
  e[end] = 0;
}
