import { UserError } from "../../runtime/errors.ts";
import { fidEstimate, fidScore } from "../distances/fid.ts";
import { kidWithTerms } from "../distances/kid.ts";
import { manifoldTerms, scoresOfManifoldTerms } from "../distances/manifold.ts";
import { copyScores } from "../distances/nearest.ts";
import { checkSameSpace, type Features } from "../features/features.ts";
import { groupTermsOf, jackknifeTerms } from "../statistics/groups.ts";
import { finiteScores } from "../statistics/score.ts";
import { classHits, optionalAccuracy } from "./accuracy.ts";
import { type Floor, floorInSteps, type FloorOptions, floorSteps } from "./floor.ts";
import { stepper } from "./progress.ts";
import type { ScoreName, Scores } from "./scores.ts";

/** What is evaluated, all features by one network that took no part in training. */
export interface EvaluationOptions extends Omit<FloorOptions, "n"> {
  generated: Features;
  /** The evaluation network's class scores of the generated images, and the classes they were made for. */
  logits?: Features;
  labels?: ArrayLike<number>;
  /** From `measureFloor` at this n: measure it once when several models are compared. Default: measured here. */
  floor?: Floor;
  /** Random groups of images for the FID's interval and for the terms. Default 20. */
  groups?: number;
}

/**
 * Every score of the generated images, each with its confidence interval, n and same-distribution floor.
 *
 * ```ts
 * import { normal } from "../../runtime/random.ts";
 * import { evaluateFeatures } from "./evaluate.ts";
 * import { formatScores } from "./format.ts";
 * const set = (n: number, sample: number) => {
 *   return { n, d: 2, data: normal({ seed: 0, purpose: "example", step: 0, sample }, 2 * n) };
 * };
 * const scores = await evaluateFeatures({ generated: set(20, 0), reference: set(40, 1), train: set(80, 2) });
 * console.log(formatScores([{ name: "a perfect model", scores }]));
 * ```
 *
 * 1,000 images of 64 features against 2,000 held-out and 8,000 training images take 1 to 2 s of one core, the floor 3 s;
 * with 384 features ten times as long, mostly for the FID's interval.
 *
 * @throws {UserError} if the floor is for another n, there are too few images, or the features do not fit together
 */
export async function evaluateFeatures(options: EvaluationOptions): Promise<Scores> {
  return (await evaluateWithTerms(options)).scores;
}

/**
 * For each score numbers whose mean is the score and whose spread is its sampling error, from random groups of images: of
 * the generated ones, or of the reference's (recall, coverage). Models evaluated with the same n and seed have the same
 * images in the same group, so their scores can be compared in pairs (`crossedInterval`).
 */
export type ScoreTerms = Partial<Record<ScoreName, Float64Array>>;

/** {@linkcode evaluateFeatures} with the terms of every score. */
export async function evaluateWithTerms(
  options: EvaluationOptions,
): Promise<{ scores: Scores; terms: ScoreTerms }> {
  const { generated, reference, train, logits, labels, groups = 20, seed = 0 } = options;
  checkSameSpace({ reference, train, generated });
  const accuracy = optionalAccuracy(logits, labels);
  const floorOptions = { ...options, n: generated.n };
  const step = stepper(4 + (options.floor ? 0 : floorSteps(floorOptions)), options);
  const floor = options.floor ?? await floorInSteps(floorOptions, step);
  checkFloor(floor, options);
  const { k, referenceRadii, heldOutDistances } = floor;

  const estimate = fidEstimate(generated, reference, { groups, seed });
  const scores = { fid: fidScore(estimate, generated.n, reference.n) } as Scores;
  await step();
  const ofKid = kidWithTerms(generated, reference, { seed });
  scores.kid = ofKid.score;
  await step();
  const ofManifold = manifoldTerms(generated, reference, { k, referenceRadii });
  Object.assign(scores, scoresOfManifoldTerms(ofManifold, seed));
  await step();
  if (accuracy) scores.accuracy = accuracy;
  for (const [name, score] of Object.entries(scores)) {
    const value = floor.scores[name as ScoreName];
    if (value !== undefined) score.floor = value;
  }
  const ofCopies = copyScores(generated, train, heldOutDistances, seed);
  Object.assign(scores, ofCopies.scores);
  await step();
  const perImage: Record<string, ArrayLike<number>> = {
    kid: ofKid.terms,
    ...ofManifold,
    ...(accuracy && { accuracy: classHits(logits!, labels!) }),
    ...ofCopies.terms,
  };
  const fid = jackknifeTerms(estimate.value, estimate.leftOut);
  return { scores: finiteScores(scores), terms: { fid, ...groupTermsOf(perImage, groups, seed) } };
}

function checkFloor(floor: Floor, { generated, reference, k = floor.k }: EvaluationOptions): void {
  if (floor.k !== k) {
    throw new UserError(
      `the floor was measured with k = ${floor.k} neighbours, expected ${k}: measure it with the same k`,
    );
  }
  if (floor.n === generated.n && floor.nReference === reference.n) return;
  throw new UserError(
    `the floor was measured at n = ${floor.n} against ${floor.nReference} real images, the samples are n = ` +
      `${generated.n} against ${reference.n}: measure the floor at the samples' n`,
  );
}
