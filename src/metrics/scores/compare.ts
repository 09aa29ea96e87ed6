import { cmmd } from "../distances/cmmd.ts";
import { fidScore, fidStepCount, fidSteps, frechetDistanceTo } from "../distances/fid.ts";
import { canExtrapolate, fidInfinitySteps } from "../distances/fid_infinity.ts";
import { gaussian } from "../distances/gaussian.ts";
import { kidWithTerms } from "../distances/kid.ts";
import {
  type ManifoldScores,
  manifoldTerms,
  neighbourRadii,
  scoresOfManifoldTerms,
} from "../distances/manifold.ts";
import { checkSameSpace, type Features } from "../features/features.ts";
import { jackknifeTerms } from "../statistics/groups.ts";
import { finiteScores, type Score } from "../statistics/score.ts";
import { type ProgressOptions, stepper } from "./progress.ts";

/** Scores of a set of images against a reference, by one network's features; `comparisonDefinitions` explains them. */
export interface ComparisonScores extends ManifoldScores {
  fid: Score;
  /** Where there are more than twice as many images as features. */
  fidInfinity?: Score;
  kid: Score;
  /** On CLIP's embeddings only. */
  cmmd?: Score;
}

/** A set of images beside a reference. */
export interface Comparison {
  scores: ComparisonScores;
  /** Numbers whose mean is the score: one a generated image, a reference image (recall, coverage), or a group (fid). */
  terms: Record<"fid" | "kid" | keyof ManifoldScores, Float64Array>;
}

/** How sets of images are compared. */
export interface ComparisonOptions {
  /** Whether the features are CLIP's embeddings, so that CMMD is defined. */
  embeddings?: boolean;
  /** Neighbours of precision, recall, density and coverage. Default 5. */
  k?: number;
  /** Random groups of generated images for the FID's interval and terms. Default as for `fid`. */
  groups?: number;
  /** Of random choices. Default 0. */
  seed?: number;
}

/** Neighbours of which the manifold scores count the farthest, unless told otherwise. */
export const NEIGHBOURS = 5;

/** Fewest images of a set that can be compared. */
export const LEAST_IMAGES = NEIGHBOURS + 1;

/** Subset sizes of FID∞. */
const POINTS = 15;

/**
 * Prepares to compare sets of images with one reference: what depends on the reference only is computed once.
 *
 * ```ts
 * import { normal } from "../../runtime/random.ts";
 * import { comparisonWith } from "./compare.ts";
 * const set = (n: number, sample: number) => {
 *   return { n, d: 2, data: normal({ seed: 0, purpose: "example", step: 0, sample }, 2 * n) };
 * };
 * const compare = comparisonWith(set(40, 0));
 * const { scores } = await compare(set(30, 1));
 * console.log(scores.fid);
 * ```
 *
 * With 2,048 features a FID takes some ten seconds of one core, and its interval and FID∞ need one for each of their
 * steps; with 64 features all scores of 1,000 images take about a second.
 *
 * @returns compares a set: its scores, each with its confidence interval and n, and their terms
 * @throws {UserError} if there are too few images, or the features do not fit together
 */
export function comparisonWith(
  reference: Features,
  { embeddings = false, k = NEIGHBOURS, groups, seed = 0 }: ComparisonOptions = {},
): (generated: Features, progress?: ProgressOptions) => Promise<Comparison> {
  checkSameSpace({ reference }, k + 1);
  const distance = frechetDistanceTo(gaussian(reference)), referenceRadii = neighbourRadii(reference, k);
  return async (generated, progress = {}) => {
    checkSameSpace({ reference, generated }, k + 1);
    const extrapolate = canExtrapolate(generated), inGroups = { groups, seed };
    const total = fidStepCount(generated, inGroups) + (extrapolate ? POINTS : 0) + (embeddings ? 3 : 2);
    const step = stepper(total, progress);
    progress.onProgress?.(0, total);
    const estimate = await inSteps(fidSteps(generated, distance, inGroups), step);
    const scores = { fid: fidScore(estimate, generated.n, reference.n) } as ComparisonScores;
    if (extrapolate) {
      const steps = fidInfinitySteps(generated, reference.n, distance, estimate, { points: POINTS, seed });
      scores.fidInfinity = await inSteps(steps, step);
    }
    const ofKid = kidWithTerms(generated, reference, { seed });
    scores.kid = ofKid.score;
    await step();
    if (embeddings) {
      scores.cmmd = cmmd(generated, reference);
      await step();
    }
    const ofManifold = manifoldTerms(generated, reference, { k, referenceRadii });
    Object.assign(scores, scoresOfManifoldTerms(ofManifold, seed));
    await step();
    const fid = jackknifeTerms(estimate.value, estimate.leftOut);
    return { scores: finiteScores(scores), terms: { fid, kid: ofKid.terms, ...ofManifold } };
  };
}

async function inSteps<T>(work: Generator<void, T>, step: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await step();
  }
}
