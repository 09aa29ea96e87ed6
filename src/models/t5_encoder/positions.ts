/**
 * The bucket of each pair of tokens by how far the second lies behind the first (Raffel et al. 2020, section 2.1): a
 * bucket for each short distance, wider and wider ones up to `maxDistance`, and half of all for either direction.
 * Computed in float32 as PyTorch does, since distances lie exactly on the buckets' bounds.
 *
 * ```ts
 * import { relativePositionBuckets } from "./positions.ts";
 * console.log(relativePositionBuckets(3, 32, 128)); // [0, 17, 18, 1, 0, 17, 2, 1, 0]
 * ```
 *
 * @returns [tokens·tokens], attending token by attended token
 */
export function relativePositionBuckets(tokens: number, buckets: number, maxDistance: number): Int32Array {
  const half = buckets / 2, exact = half / 2;
  const width = Math.fround(Math.log(maxDistance / exact));
  const bucketOf = (distance: number): number => {
    if (distance < exact) return distance;
    const ratio = Math.fround(Math.fround(Math.log(Math.fround(distance / exact))) / width);
    return Math.min(half - 1, exact + Math.trunc(Math.fround(ratio * (half - exact))));
  };
  const byDistance = Int32Array.from({ length: tokens }, (_, distance) => bucketOf(distance));
  const result = new Int32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) {
      result[i * tokens + j] = byDistance[Math.abs(j - i)]! + (j > i ? half : 0);
    }
  }
  return result;
}
