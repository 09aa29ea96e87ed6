import type { Series } from "./figure.ts";

/**
 * A noisy curve made readable: its moving average over `window` points, in a band from the lowest to the highest of
 * them. Points that are not finite are left out.
 */
export function smoothed(name: string, x: ArrayLike<number>, y: ArrayLike<number>, window: number): Series {
  const kept = Array.from(y, (_, i) => i).filter((i) => Number.isFinite(y[i]));
  const half = Math.floor(window / 2);
  const stretches = kept.map((_, at) => kept.slice(Math.max(0, at - half), at + half + 1).map((i) => y[i]!));
  return {
    name,
    x: kept.map((i) => x[i]!),
    y: stretches.map((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    low: stretches.map((values) => Math.min(...values)),
    high: stretches.map((values) => Math.max(...values)),
  };
}
