import { UserError } from "../../runtime/errors.ts";

/** How well a score tells two kinds apart, at every threshold. */
export interface RocCurve {
  /** Share of negatives that pass, from 0 to 1; one value a threshold, highest threshold first. */
  falsePositive: number[];
  /** Share of positives that pass, at the same thresholds. */
  truePositive: number[];
  /** Area under the curve: the probability that a positive scores higher than a negative, ties counting half. */
  auc: number;
}

/**
 * The receiver operating characteristic of a score that should be high for positives and low for negatives (Fawcett
 * 2006, "An introduction to ROC analysis", algorithms 1 and 2).
 *
 * @example
 * ```ts
 * import { rocCurve } from "./roc.ts";
 * const { auc } = rocCurve([3, 2], [2, 1]);
 * console.log(auc); // 0.875
 * ```
 * @throws UserError when a list is empty or holds a value that is not a number.
 */
export function rocCurve(positives: ArrayLike<number>, negatives: ArrayLike<number>): RocCurve {
  for (const [name, scores] of Object.entries({ positives, negatives })) {
    const bad = Array.from(scores).filter(Number.isNaN).length;
    if (scores.length > 0 && bad === 0) continue;
    throw new UserError(
      `rocCurve() was given ${scores.length} ${name}, of which ${bad} are NaN; give one number or more, and numbers only`,
    );
  }
  const scored = [
    ...Array.from(positives, (score) => ({ score, positive: 1 / positives.length, negative: 0 })),
    ...Array.from(negatives, (score) => ({ score, positive: 0, negative: 1 / negatives.length })),
  ].sort((a, b) => b.score - a.score);
  const falsePositive = [0], truePositive = [0];
  let x = 0, y = 0, auc = 0;
  scored.forEach(({ score, positive, negative }, i) => {
    x += negative, y += positive;
    if (score === scored[i + 1]?.score) return; // equal scores pass together
    auc += (x - falsePositive.at(-1)!) * (y + truePositive.at(-1)!) / 2;
    falsePositive.push(x), truePositive.push(y);
  });
  return { falsePositive, truePositive, auc };
}
