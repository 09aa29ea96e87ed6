import { bundledPath } from "../../data/bundled.ts";
import { copyScores, nearestDistances } from "../../metrics/distances/nearest.ts";
import type { Features } from "../../metrics/features/features.ts";
import {
  centredEmbeddings,
  loadPictureText,
  predictedEmbeddings,
} from "../../metrics/features/picture_text.ts";
import {
  type PictureTextScores,
  scoresOfMatches,
  shuffledTexts,
  textMatches,
} from "../../metrics/scores/picture_text.ts";
import type { CopyComparison, PictureTextComparison } from "../../metrics/scores/pipeline_scores.ts";
import { quantile } from "../../metrics/statistics/interval.ts";
import type { ConceptTexts } from "./concept_texts.ts";
import type { PicturePrompt } from "./prompts.ts";

/** What the bundled SqueezeNet sees in samples and in real pictures. */
export interface SqueezeNetFeatures {
  samples: Features;
  real: Features;
  train: Features;
}

/** A comparison, and the numbers of single samples that its scores are means of. */
export interface WithValues<C> {
  comparison: C;
  values: Readonly<Record<string, Float64Array>>;
}

/** Whether samples show the concepts that their prompts are of, beside real pictures and beside shuffled concepts. */
export async function comparePictureText(
  { samples, real }: Omit<SqueezeNetFeatures, "train">,
  { embeddings, own }: ConceptTexts,
  prompts: readonly PicturePrompt[],
  seed: number,
): Promise<WithValues<PictureTextComparison>> {
  const map = await loadPictureText(await bundledPath("models/picture-text"));
  const texts = centredEmbeddings(map, embeddings), predicted = predictedEmbeddings(map, samples);
  const asked = Int32Array.from(prompts, ({ picture }) => own[picture]!);
  const scoresFor = (pictures: Features, wanted: Int32Array) =>
    scoresOfMatches(textMatches(pictures, texts, wanted), texts.n, seed);
  const matches = textMatches(predicted, texts, asked), scores = scoresOfMatches(matches, texts.n, seed);
  const ofReal = scoresFor(predictedEmbeddings(map, real), own);
  const others = scoresFor(predicted, shuffledTexts(asked, seed));
  const names = Object.keys(scores) as (keyof PictureTextScores)[];
  for (const name of names) scores[name].floor = ofReal[name].value;
  const shuffled = Object.fromEntries(names.map((name) => [name, others[name].value]));
  const within = (most: number) => matches.ranks.map((rank) => rank <= most ? 1 : 0);
  return {
    comparison: { scores, shuffled: shuffled as PictureTextComparison["shuffled"] },
    values: { cosine: matches.cosines, recallAt1: within(1), recallAt10: within(10) },
  };
}

/** Where distances are told. */
const SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/** How near samples come to training pictures, beside real pictures that nobody trained on. */
export function compareCopies(
  { samples, real, train }: SqueezeNetFeatures,
  seed: number,
): WithValues<CopyComparison> {
  const heldOut = nearestDistances(real, train),
    { scores, terms } = copyScores(samples, train, heldOut, seed);
  const quantiles = (distances: Float64Array) => SHARES.map((share) => quantile(distances, share));
  const comparison = {
    scores,
    samples: quantiles(terms.nearestTrain),
    real: quantiles(heldOut),
    shares: SHARES,
  };
  return { comparison, values: { ...terms } };
}
