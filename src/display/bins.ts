/** How many values fall into each of `bins` equal parts of [low, high], lowest part first; others are not counted. */
export function countBins(values: ArrayLike<number>, low: number, high: number, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const at = bins * (values[i]! - low) / (high - low);
    if (at >= 0 && at <= bins) counts[Math.min(bins - 1, Math.floor(at))]!++;
  }
  return counts;
}

const BARS = "▁▂▃▄▅▆▇█";

/** Counts as bars in one line of text; a part without values is a gap. */
export function barLine(counts: readonly number[]): string {
  const most = Math.max(...counts);
  return counts.map((count) => count === 0 ? " " : BARS[Math.ceil(count / most * BARS.length) - 1]).join("");
}
