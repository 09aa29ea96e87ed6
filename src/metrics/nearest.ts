import { checkSameSpace, type Features } from "./features.ts";
import { bootstrapMean, mean, quantile, wilsonInterval } from "./interval.ts";
import { eachRowOfDistances } from "./pairwise.ts";
import type { Score } from "./score.ts";

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
 * Distances of generated and of held-out images to the training set.
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
): CopyScores {
  checkSameSpace({ train, generated });
  const distances = nearestDistances(generated, train), n = generated.n;
  const near = quantile(heldOutDistances, 0.01);
  const share = (values: Float64Array) => values.filter((value) => value < near).length / values.length;
  const counts = { n, nReference: train.n };
  return {
    nearestTrain: {
      value: mean(distances),
      ci: bootstrapMean(distances, { seed, purpose: "nearest" }),
      floor: mean(heldOutDistances),
      ...counts,
    },
    nearCopies: {
      value: share(distances),
      ci: wilsonInterval(share(distances), n),
      floor: share(heldOutDistances),
      ...counts,
    },
  };
}
