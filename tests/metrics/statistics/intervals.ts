import assert from "node:assert/strict";
import { mean, NORMAL_QUANTILE, variance } from "../../../src/metrics/statistics/interval.ts";
import type { Score } from "../../../src/metrics/statistics/score.ts";

/**
 * Fails unless the intervals of scores of independent samples hold the truth about 19 times in 20, and are about as wide as
 * the scores' own scatter says.
 */
export function assertHonestIntervals(scores: readonly Score[], truth: number): void {
  const held = scores.filter(({ ci }) => ci![0] <= truth && truth <= ci![1]).length;
  assert.ok(held >= 0.83 * scores.length, `${held} of ${scores.length} intervals hold ${truth}`);
  const told = mean(scores.map(({ ci }) => (ci![1] - ci![0]) / 2));
  const scatter = NORMAL_QUANTILE * Math.sqrt(variance(scores.map(({ value }) => value)));
  assert.ok(
    told > 0.75 * scatter && told < 1.45 * scatter,
    `half-widths are ${told}, the scores scatter by ${scatter}`,
  );
}
