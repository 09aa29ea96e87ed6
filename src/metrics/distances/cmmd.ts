import { UserError } from "../../runtime/errors.ts";
import { checkSameSpace, type Features } from "../features/features.ts";
import { NORMAL_QUANTILE } from "../statistics/interval.ts";
import type { Rows } from "../statistics/pairwise.ts";
import type { Score } from "../statistics/score.ts";
import { mmd } from "./mmd.ts";

/** Width σ of the Gaussian kernel, and the factor that makes the numbers readable, both as in the paper's code. */
const SIGMA = 10, SCALE = 1000;

/**
 * CMMD (Jayasumana et al. 2024): 1,000 times the squared maximum mean discrepancy of CLIP's image embeddings, scaled to
 * length 1, under the Gaussian kernel exp(-|x - y|²/2σ²) with σ = 10. Lower is better. As in the authors' code it is the
 * biased estimator, which counts pairs of an image with itself: it is above 0, and falls with n.
 *
 * The interval is for new samples on both sides: normal, with the leave-one-image-out jackknife variance.
 *
 * ```ts
 * import { cmmd } from "./cmmd.ts";
 * const x = { n: 4, d: 2, data: Float32Array.of(1, 0, 1, 1, 0, 1, -1, 0) };
 * console.assert(Math.abs(cmmd(x, x).value) < 1e-9);
 * ```
 *
 * @throws {UserError} if the embeddings are of different networks, not finite, of length 0, or fewer than 4
 */
export function cmmd(generated: Features, reference: Features): Score {
  checkSameSpace({ reference, generated }, 4);
  // Between unit vectors |x - y|²/2 = 1 - x·y.
  const kernel = (product: number) => Math.exp((product - 1) / (SIGMA * SIGMA));
  const x = unitVectors("generated", generated), y = unitVectors("reference", reference);
  const { value, variance } = mmd(x, y, kernel, "biased"), half = NORMAL_QUANTILE * Math.sqrt(variance);
  return {
    value: SCALE * value,
    ci: [SCALE * Math.max(0, value - half), SCALE * (value + half)],
    n: generated.n,
    nReference: reference.n,
  };
}

function unitVectors(name: string, { n, d, data }: Features): Rows {
  const out = Float64Array.from(data);
  for (let i = 0; i < n; i++) {
    const row = out.subarray(i * d, (i + 1) * d), length = Math.hypot(...row);
    if (length === 0) throw new UserError(`${name} embeddings: that of image ${i} is 0; expected directions`);
    for (let k = 0; k < d; k++) row[k]! /= length;
  }
  return { n, d, data: out };
}
