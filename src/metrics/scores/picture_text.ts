import { UserError } from "../../runtime/errors.ts";
import { permutation } from "../../runtime/random.ts";
import { checkSameSpace, type Features } from "../features/features.ts";
import { bootstrapMean, bootstrapMedian, mean, quantile, wilsonInterval } from "../statistics/interval.ts";
import { eachRowOfProducts } from "../statistics/pairwise.ts";
import type { Score } from "../statistics/score.ts";
import type { ScoreDefinition } from "./definitions.ts";

/** How well pictures show what their texts say; `PICTURE_TEXT_DEFINITIONS` says how to read each. */
export interface PictureTextScores {
  cosine: Score;
  recallAt1: Score;
  recallAt10: Score;
  medianRank: Score;
}

const SOURCE = "this project's, by a ridge regression from a network's features to embeddings of texts";

/** What every score of pictures with texts means, in the order of the table. */
export const PICTURE_TEXT_DEFINITIONS: Readonly<Record<keyof PictureTextScores, ScoreDefinition>> = {
  cosine: {
    label: "picture-text cosine",
    better: "higher",
    range: "-1 to 1, in practice 0 to 0.5",
    unit: "cosine",
    decimals: 3,
    meaning: "How near the text that a picture tells of lies to the text that it was made for.",
    source: SOURCE,
  },
  recallAt1: {
    label: "picture-text R@1",
    better: "higher",
    range: "0 to 1",
    unit: "share of pictures",
    decimals: 3,
    meaning: "Pictures that are nearer to their own text than to any other one.",
    source: SOURCE,
  },
  recallAt10: {
    label: "picture-text R@10",
    better: "higher",
    range: "0 to 1",
    unit: "share of pictures",
    decimals: 3,
    meaning: "Pictures of which fewer than ten other texts are nearer than their own.",
    source: SOURCE,
  },
  medianRank: {
    label: "picture-text median rank",
    better: "lower",
    range: "1 to the number of texts",
    unit: "texts",
    decimals: 1,
    meaning: "The place of a picture's own text among all, nearest first.",
    source: SOURCE,
  },
};

/** A picture's own text among all. */
export interface TextMatches {
  /** Cosine of the angle between each picture and its own text, [n]. */
  cosines: Float64Array;
  /** 1 and how many of the other texts are at least as near, [n]. */
  ranks: Float64Array;
}

/**
 * Compares pictures with all texts by the cosine of their embeddings.
 *
 * @param pictures [n, D]; @param texts [K, D], each text once; @param own which text each picture was made for [n]
 * @throws UserError if the embeddings do not fit together, or a picture's text is not there
 */
export function textMatches(pictures: Features, texts: Features, own: ArrayLike<number>): TextMatches {
  checkSameSpace({ picture: pictures, text: texts });
  const wrong = Array.from({ length: pictures.n }, (_, i) => own[i]).find((k) => !(k! >= 0 && k! < texts.n));
  if (own.length !== pictures.n || wrong !== undefined) {
    throw new UserError(
      `expected the number of one of ${texts.n} texts for each of ${pictures.n} pictures, got ${own.length} numbers` +
        (wrong === undefined ? "" : `, of them ${wrong}`),
    );
  }
  const cosines = new Float64Array(pictures.n), ranks = new Float64Array(pictures.n);
  eachRowOfProducts(unit(pictures), unit(texts), (i, row) => {
    const mine = row[own[i]!]!;
    cosines[i] = mine;
    ranks[i] = row.reduce((count, other) => count + (other >= mine ? 1 : 0), 0);
  });
  return { cosines, ranks };
}

/** Rows of length 1, in float64; a row of zeros stays. */
function unit({ n, d, data }: Features): { n: number; d: number; data: Float64Array } {
  const out = Float64Array.from(data);
  for (let i = 0; i < n; i++) {
    const row = out.subarray(i * d, (i + 1) * d);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) row.forEach((value, k) => row[k] = value / length);
  }
  return { n, d, data: out };
}

/**
 * The scores of matches, with intervals over the pictures: Wilson's for the shares, of a bootstrap for the others.
 *
 * @param texts how many texts there were; @param seed of the bootstrap
 */
export function scoresOfMatches(
  { cosines, ranks }: TextMatches,
  texts: number,
  seed = 0,
): PictureTextScores {
  const n = ranks.length, counts = { n, nReference: texts };
  const within = (most: number): Score => {
    const share = mean(ranks.map((rank) => rank <= most ? 1 : 0));
    return { value: share, ci: wilsonInterval(share, n), ...counts };
  };
  return {
    cosine: {
      value: mean(cosines),
      ci: bootstrapMean(cosines, { seed, purpose: "picture-text cosine" }),
      ...counts,
    },
    recallAt1: within(1),
    recallAt10: within(10),
    medianRank: {
      value: quantile(ranks, 0.5),
      ci: bootstrapMedian(ranks, { seed, purpose: "picture-text rank" }),
      ...counts,
    },
  };
}

/** The texts of other pictures: `own` in a random order, as if nobody had read them. */
export function shuffledTexts(own: Int32Array, seed = 0): Int32Array {
  const order = permutation({ seed, purpose: "shuffled texts", step: 0 }, own.length);
  return Int32Array.from(order, (i) => own[i]!);
}
