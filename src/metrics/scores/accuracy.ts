import { UserError } from "../../runtime/errors.ts";
import { checkFeatures, type Features } from "../features/features.ts";
import { mean, wilsonInterval } from "../statistics/interval.ts";
import type { Score } from "../statistics/score.ts";

/**
 * Share of images that the evaluation network puts into the class they were generated for, with Wilson's interval.
 *
 * ```ts
 * import { classAccuracy } from "./accuracy.ts";
 * const logits = { n: 2, d: 3, data: Float32Array.of(0, 5, 1, 9, 2, 2) };
 * console.assert(classAccuracy(logits, [1, 2]).value === 0.5);
 * ```
 *
 * @param logits class scores [n, classes], as a feature matrix
 * @param labels the class asked for, 0 … classes - 1, per image
 * @throws {UserError} if there is not one label of a known class per image
 */
export function classAccuracy(logits: Features, labels: ArrayLike<number>): Score {
  const hits = classHits(logits, labels), value = mean(hits);
  return { value, ci: wilsonInterval(value, hits.length), n: hits.length };
}

/** For each image 1 where the largest logit is its label's, else 0; errors as {@linkcode classAccuracy}. */
export function classHits(logits: Features, labels: ArrayLike<number>): Float64Array {
  checkFeatures("logit", logits);
  const { n, d, data } = logits;
  if (labels.length !== n) {
    throw new UserError(`${labels.length} labels for ${n} images; expected one label each`);
  }
  return Float64Array.from({ length: n }, (_, i) => {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= d) {
      throw new UserError(`label ${label} of image ${i}: expected a class from 0 to ${d - 1}`);
    }
    const row = data.subarray(i * d, (i + 1) * d);
    return row.indexOf(Math.max(...row)) === label ? 1 : 0;
  });
}

/**
 * {@linkcode classAccuracy}, or undefined where neither logits nor labels are given.
 *
 * @throws {UserError} if only one of them is given
 */
export function optionalAccuracy(logits?: Features, labels?: ArrayLike<number>): Score | undefined {
  if (logits && labels) return classAccuracy(logits, labels);
  if (logits || labels) {
    throw new UserError(
      `class accuracy needs both logits and labels; ${logits ? "only logits" : "only labels"} were given`,
    );
  }
}
