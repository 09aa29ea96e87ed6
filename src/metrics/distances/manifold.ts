import { checkSameSpace, type Features } from "../features/features.ts";
import { bootstrapMean, mean, wilsonInterval } from "../statistics/interval.ts";
import { eachRowOfDistances } from "../statistics/pairwise.ts";
import type { Score } from "../statistics/score.ts";

/** Fidelity and diversity apart: each in [0, 1] but density, which may exceed 1; higher is better. */
export interface ManifoldScores {
  /** Share of generated images inside the reference's manifold (Kynkäänniemi et al. 2019, eq. 2). */
  precision: Score;
  /** Share of reference images inside the generated images' manifold (same, eq. 2). */
  recall: Score;
  /** Reference balls that hold a generated image, over k, on average (Naeem et al. 2020). */
  density: Score;
  /** Share of reference images whose ball holds a generated image (same). */
  coverage: Score;
}

/** Neighbours and random numbers. */
export interface ManifoldOptions {
  /** A ball reaches to its centre's k-th nearest neighbour in the same set. Default 5. */
  k?: number;
  /** Of the bootstrap. Default 0. */
  seed?: number;
  /** `neighbourRadii(reference, k)`, where several sets are compared with one reference. */
  referenceRadii?: Float64Array;
}

/**
 * Precision, recall, density and coverage: a set's manifold is the union of closed balls around its images, each as wide
 * as the distance to the k-th nearest other image of the set. All four change with n.
 *
 * Intervals are for the images that the mean runs over (generated for precision and density, reference for recall and
 * coverage) with the other set held fixed: Wilson's for the shares, a bootstrap for density.
 *
 * @throws {UserError} if the features are of different networks, not finite, or not more than k
 */
export function manifoldScores(
  generated: Features,
  reference: Features,
  options: ManifoldOptions = {},
): ManifoldScores {
  return scoresOfManifoldTerms(manifoldTerms(generated, reference, options), options.seed);
}

/** For each score one number per image that its mean runs over. */
export type ManifoldTerms = Record<keyof ManifoldScores, Float64Array>;

/** What the means of {@linkcode manifoldScores} run over: generated images [n], or reference images (recall, coverage). */
export function manifoldTerms(
  generated: Features,
  reference: Features,
  { k = 5, referenceRadii }: ManifoldOptions = {},
): ManifoldTerms {
  checkSameSpace({ reference, generated }, k + 1);
  const radii = referenceRadii ?? neighbourRadii(reference, k), generatedRadii = neighbourRadii(generated, k);
  const inside = new Float64Array(generated.n), recalled = new Float64Array(reference.n);
  const covered = new Float64Array(reference.n);
  eachRowOfDistances(generated, reference, (j, distances) => {
    const reach = generatedRadii[j]!;
    for (let i = 0; i < distances.length; i++) {
      if (distances[i]! <= radii[i]!) inside[j]!++, covered[i] = 1;
      if (distances[i]! <= reach) recalled[i] = 1;
    }
  });
  return {
    precision: inside.map((balls) => balls > 0 ? 1 : 0),
    recall: recalled,
    density: inside.map((balls) => balls / k),
    coverage: covered,
  };
}

/** {@linkcode manifoldScores} of their terms. */
export function scoresOfManifoldTerms(terms: ManifoldTerms, seed = 0): ManifoldScores {
  const { density } = terms, counts = { n: density.length, nReference: terms.recall.length };
  const share = (flags: Float64Array): Score => {
    const value = mean(flags);
    return { value, ci: wilsonInterval(value, flags.length), ...counts };
  };
  return {
    precision: share(terms.precision),
    recall: share(terms.recall),
    density: { value: mean(density), ci: bootstrapMean(density, { seed, purpose: "density" }), ...counts },
    coverage: share(terms.coverage),
  };
}

/** Squared distance of every row to its k-th nearest other row. */
export function neighbourRadii(features: Features, k: number): Float64Array {
  const out = new Float64Array(features.n), nearest = new Float64Array(k);
  eachRowOfDistances(features, features, (i, distances) => {
    nearest.fill(Infinity);
    for (let j = 0; j < distances.length; j++) {
      if (j === i || distances[j]! >= nearest[k - 1]!) continue;
      let at = k - 1;
      for (; at > 0 && nearest[at - 1]! > distances[j]!; at--) nearest[at] = nearest[at - 1]!;
      nearest[at] = distances[j]!;
    }
    out[i] = nearest[k - 1]!;
  });
  return out;
}
