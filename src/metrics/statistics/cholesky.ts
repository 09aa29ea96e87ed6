import type { Rows } from "./pairwise.ts";

/**
 * Cholesky factor of a positive semi-definite matrix, with pivots: S = Lᵀ L with L [r, d], r the rank to round-off
 * (Higham 1990). In float64.
 *
 * @param matrix S [d, d], row-major; not changed
 * @returns L: r rows of d numbers
 */
export function choleskyRoot({ d, data }: Rows): Rows {
  const rest = Float64Array.from({ length: d }, (_, i) => data[i * d + i]!);
  const least = d * Number.EPSILON * Math.max(0, ...rest);
  const rows: Float64Array[] = [];
  while (rows.length < d) {
    const p = argMax(rest);
    if (rest[p]! <= least) break;
    const row = Float64Array.from(data.subarray(p * d, (p + 1) * d));
    for (const earlier of rows) {
      const factor = earlier[p]!;
      for (let i = 0; i < d; i++) row[i]! -= factor * earlier[i]!;
    }
    const scale = 1 / Math.sqrt(row[p]!);
    for (let i = 0; i < d; i++) {
      row[i]! *= scale;
      rest[i]! -= row[i]! ** 2;
    }
    rest[p] = 0;
    rows.push(row);
  }
  const root = new Float64Array(rows.length * d);
  rows.forEach((row, k) => root.set(row, k * d));
  return { n: rows.length, d, data: root };
}

function argMax(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
