import { type FeatureKind, NETWORK_NAMES } from "../features/kinds.ts";
import type { Score } from "../statistics/score.ts";
import type { ComparisonScores } from "./compare.ts";
import { SCORE_DEFINITIONS, type ScoreDefinition } from "./definitions.ts";

/** Scores of a folder of images: those against the reference, and those of its images by themselves. */
export interface FolderScores extends ComparisonScores {
  /** Where the images have captions and the features are CLIP's. */
  clipScore?: Score;
  /** Where the images have captions and HPSv2's weights were given. */
  hpsv2?: Score;
  /** Where an aesthetic predictor was given. */
  aesthetic?: Score;
}

/** What every score of folders means, in the order of the table. */
export function folderDefinitions(kind: FeatureKind): Readonly<Record<keyof FolderScores, ScoreDefinition>> {
  const { fid, kid, precision, recall, density, coverage } = SCORE_DEFINITIONS;
  const network = NETWORK_NAMES[kind];
  const distance = kind === "inception" ? "FID" : `FD (${network})`;
  return {
    fid: { ...fid, label: distance },
    fidInfinity: {
      ...fid,
      label: `${distance} at n = ∞`,
      range: "around 0 and up; it can be negative",
      meaning: "The Fréchet distance extrapolated to infinitely many images, without the bias of small n.",
      source: "Chong & Forsyth 2020, arXiv 1911.07023",
    },
    kid: {
      ...kid,
      label: kind === "inception" ? "KID" : `KID kernel (${network})`,
    },
    cmmd: {
      label: "CMMD",
      better: "lower",
      range: "0 and up",
      unit: "1,000 · squared discrepancy",
      meaning: "Maximum mean discrepancy of CLIP's embeddings under a Gaussian kernel.",
      source: "Jayasumana et al. 2024, arXiv 2401.09603",
    },
    precision,
    recall,
    density,
    coverage,
    clipScore: {
      label: "CLIP score",
      better: "higher",
      range: "0 to 100",
      unit: "100 · cosine",
      decimals: 2,
      meaning: "How well the images fit their captions, by CLIP.",
      source: "Hessel et al. 2021, arXiv 2104.08718",
    },
    hpsv2: {
      label: "HPSv2",
      better: "higher",
      range: "-100 to 100, in practice 20 to 35",
      unit: "100 · cosine",
      decimals: 2,
      meaning: "How much people would prefer the images for their captions, by a CLIP tuned on such choices.",
      source: "Wu et al. 2023, arXiv 2306.09341",
    },
    aesthetic: {
      label: "aesthetic score",
      better: "higher",
      range: "about 1 to 10",
      unit: "rating",
      decimals: 2,
      meaning: "How pleasing the images are, by a head on CLIP's image embedding.",
      source: "LAION's aesthetic predictor (Schuhmann et al. 2022, arXiv 2210.08402)",
    },
  };
}
