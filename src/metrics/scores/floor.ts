import { UserError } from "../../runtime/errors.ts";
import { permutation } from "../../runtime/random.ts";
import { frechetDistanceTo } from "../distances/fid.ts";
import { gaussian } from "../distances/gaussian.ts";
import { kid } from "../distances/kid.ts";
import { manifoldScores, neighbourRadii } from "../distances/manifold.ts";
import { nearestDistances } from "../distances/nearest.ts";
import { checkSameSpace, type Features, takeRows } from "../features/features.ts";
import { mean } from "../statistics/interval.ts";
import { optionalAccuracy } from "./accuracy.ts";
import { type ProgressOptions, stepper } from "./progress.ts";
import type { ScoreName } from "./scores.ts";

/** What real images score, in place of generated ones. */
export interface Floor {
  /** Real images per draw: a floor holds for samples of this size only. */
  n: number;
  nReference: number;
  /** How many disjoint draws the values are means of. */
  draws: number;
  /** Absent: scores with no floor (no draws wanted, no labels given). */
  scores: Partial<Record<ScoreName, number>>;
  /** Distance of every reference image to its nearest training image. */
  heldOutDistances: Float64Array;
  /** Neighbours, and the reference's `neighbourRadii` for them. */
  k: number;
  referenceRadii: Float64Array;
}

/** What a floor is measured on. */
export interface FloorOptions extends ProgressOptions {
  /** Held-out real images, which the generated ones are compared with. */
  reference: Features;
  /** Other real images: those the generator was trained on. Their draws stand in for generated images. */
  train: Features;
  /** How many images the generated set has. */
  n: number;
  /** Disjoint draws of n training images to average over, as far as there are enough. 0: no floor. Default 3. */
  draws?: number;
  /** The evaluation network's class scores of the reference, and its labels: the floor of the class accuracy. */
  referenceLogits?: Features;
  referenceLabels?: ArrayLike<number>;
  /** Neighbours, as in `manifoldScores`. Default 5. */
  k?: number;
  /** Which images are drawn. Default 0. */
  seed?: number;
}

/**
 * The same-distribution floor: every score of n *real training images*, drawn without replacement, against the held-out
 * reference. It is what a perfect generator would score at this n: not 0 for a FID, not 1 for a recall. If the network
 * was itself trained on these training images, the floor also holds what it learnt of them by heart.
 *
 * The copy scores' floor is the other way round: *held-out* images against the training set.
 *
 * @throws {UserError} if there are fewer than n training images, or the features do not fit together
 */
export async function measureFloor(options: FloorOptions): Promise<Floor> {
  return await floorInSteps(options, stepper(floorSteps(options), options));
}

/** How many steps of progress {@linkcode floorInSteps} makes. */
export function floorSteps({ train, n, draws = 3 }: FloorOptions): number {
  return 1 + 3 * possibleDraws(train, n, draws);
}

/** {@linkcode measureFloor} that reports to a caller's stepper. */
export async function floorInSteps(options: FloorOptions, step: () => Promise<void>): Promise<Floor> {
  const { reference, train, n, draws = 3, referenceLogits, referenceLabels, k = 5, seed = 0 } = options;
  checkSameSpace({ reference, train }, k + 1);
  const accuracy = optionalAccuracy(referenceLogits, referenceLabels);
  const parts = realDraws(train, n, draws, seed);
  const referenceRadii = neighbourRadii(reference, k), distance = frechetDistanceTo(gaussian(reference));
  const values: Partial<Record<ScoreName, number[]>> = {};
  for (const real of parts) {
    (values.fid ??= []).push(distance(gaussian(real)));
    await step();
    (values.kid ??= []).push(kid(real, reference, { seed }).value);
    await step();
    for (const [name, score] of Object.entries(manifoldScores(real, reference, { k, referenceRadii }))) {
      (values[name as ScoreName] ??= []).push(score.value);
    }
    await step();
  }
  const heldOutDistances = nearestDistances(reference, train);
  await step();
  const scores = Object.fromEntries(Object.entries(values).map(([name, list]) => [name, mean(list)]));
  if (accuracy) scores.accuracy = accuracy.value;
  return { n, nReference: reference.n, draws: parts.length, scores, heldOutDistances, k, referenceRadii };
}

function realDraws(real: Features, n: number, draws: number, seed: number): Features[] {
  const order = permutation({ seed, purpose: "floor", step: 0 }, real.n);
  return Array.from(
    { length: possibleDraws(real, n, draws) },
    (_, i) => takeRows(real, order.subarray(i * n, (i + 1) * n)),
  );
}

function possibleDraws(real: Features, n: number, draws: number): number {
  if (draws > 0 && real.n < n) {
    throw new UserError(
      `the floor at n = ${n} needs ${n} real images outside the reference, but there are ${real.n}: ` +
        `generate at most ${real.n} images, or ask for no floor (draws: 0)`,
    );
  }
  return Math.min(draws, Math.floor(real.n / n));
}
