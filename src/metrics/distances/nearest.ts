import { checkSameSpace, type Features } from "../features/features.ts";
import { bootstrapMean, mean, quantile, wilsonInterval } from "../statistics/interval.ts";
import { eachRowOfDistances } from "../statistics/pairwise.ts";
import type { Score } from "../statistics/score.ts";

/** Whether the generator copies its training images; real images it never saw are the yardstick. */
export interface CopyScores {
  /** Mean distance of a generated image to its nearest training image; the floor is that of held-out images. */
  nearestTrain: Score;
  /**
   * Share of generated images nearer to a training image than 99 % of held-out images are. Held-out images score 0.01
   * (the floor); far more means copies, or samples far more typical than real ones: look at them.
   */
  nearCopies: Score;
}

/** Euclidean distance of every row of `a` to the nearest row of `b`, in units of the features. */
export function nearestDistances(a: Features, b: Features): Float64Array {
  const out = new Float64Array(a.n);
  eachRowOfDistances(a, b, (i, distances) => {
    let least = Infinity;
    for (let j = 0; j < distances.length; j++) if (distances[j]! < least) least = distances[j]!;
    out[i] = Math.sqrt(least);
  });
  return out;
}

/**
 * Distances of generated and of held-out images to the training set, and what the scores' means run over: one number per
 * generated image.
 *
 * @param heldOutDistances `nearestDistances(heldOut, train)`, which do not depend on the generator
 * @param seed of the bootstrap
 * @throws {UserError} if the features are of different networks or not finite
 */
export function copyScores(
  generated: Features,
  train: Features,
  heldOutDistances: Float64Array,
  seed = 0,
): { scores: CopyScores; terms: Record<keyof CopyScores, Float64Array> } {
  checkSameSpace({ train, generated });
  const nearestTrain = nearestDistances(generated, train), least = quantile(heldOutDistances, 0.01);
  const near = (distances: Float64Array) => distances.map((distance) => distance < least ? 1 : 0);
  const nearCopies = near(nearestTrain), share = mean(nearCopies);
  const counts = { n: generated.n, nReference: train.n };
  const scores = {
    nearestTrain: {
      value: mean(nearestTrain),
      ci: bootstrapMean(nearestTrain, { seed, purpose: "nearest" }),
      floor: mean(heldOutDistances),
      ...counts,
    },
    nearCopies: {
      value: share,
      ci: wilsonInterval(share, generated.n),
      floor: mean(near(heldOutDistances)),
      ...counts,
    },
  };
  return { scores, terms: { nearestTrain, nearCopies } };
}
