import type { HostTensor } from "../weights/dtypes.ts";

/** The factors of one adapted layer on the host, as matrices: A [r,in], B [out,r]. */
export interface Factors {
  rank: number;
  alpha: number;
  a: Float32Array<ArrayBuffer>;
  b: Float32Array<ArrayBuffer>;
}

/**
 * The adapters of q, k and v as that of the one layer with their outputs side by side: A's on top of each other [3r,in], B's
 * along the diagonal [3·out,3r], alpha three times as large, so that alpha / rank stays.
 *
 * @param parts of one rank and alpha; one that is missing counts as zero
 */
export function fuseFactors(
  parts: readonly (Factors | undefined)[],
  inputs: number,
  outputs: number,
): Factors {
  const { rank, alpha } = parts.find((part) => part)!;
  const fused = {
    rank: 3 * rank,
    alpha: 3 * alpha,
    a: new Float32Array(3 * rank * inputs),
    b: new Float32Array(3 * outputs * 3 * rank),
  };
  parts.forEach((part, i) => {
    if (!part) return;
    fused.a.set(part.a, i * rank * inputs);
    for (let row = 0; row < outputs; row++) {
      fused.b.set(part.b.subarray(row * rank, (row + 1) * rank), (i * outputs + row) * 3 * rank + i * rank);
    }
  });
  return fused;
}

/**
 * The adapters of q, k and v in that of the one layer with their outputs side by side. Where `fuseFactors` (or kohya's
 * `split_qkv`) made it, that is undone, and a part that is all zero is undefined: it changes nothing. Otherwise the three
 * share A, and each has its rows of B.
 */
export function splitFactors(fused: Factors, inputs: number, outputs: number): (Factors | undefined)[] {
  const { rank, alpha, a, b } = fused, third = rank / 3;
  const block = (i: number, from: number, width: number) => {
    const out = new Float32Array(outputs * width);
    for (let row = 0; row < outputs; row++) {
      const start = (i * outputs + row) * rank + from;
      out.set(b.subarray(start, start + width), row * width);
    }
    return out;
  };
  const diagonal = rank % 3 === 0 &&
    b.every((value, k) => value === 0 || Math.floor(k / rank / outputs) === Math.floor(k % rank / third));
  if (!diagonal) return [0, 1, 2].map((i) => ({ rank, alpha, a: a.slice(), b: block(i, 0, rank) }));
  return [0, 1, 2].map((i) => {
    const part = {
      rank: third,
      alpha: alpha / 3,
      a: a.slice(i * third * inputs, (i + 1) * third * inputs),
      b: block(i, i * third, third),
    };
    return part.a.some(Boolean) || part.b.some(Boolean) ? part : undefined;
  });
}

/** B with the halves of its rows exchanged. */
export function swapHalves(b: HostTensor["data"]): Float32Array<ArrayBuffer> {
  const half = b.length / 2, out = new Float32Array(b.length);
  out.set(b.subarray(half));
  out.set(b.subarray(0, half), half);
  return out;
}
