import type { ScoreName } from "./scores.ts";

/** How to read a score. */
export interface ScoreDefinition {
  /** Its name in tables and figures. */
  label: string;
  /** Which direction is better; "floor": nearer to the real images' value. */
  better: "lower" | "higher" | "floor";
  range: string;
  /** Whether it is unbiased around 0, so that a change of it is no share of anything. */
  aroundZero?: true;
  unit: string;
  /** Decimals in tables; where absent, three significant digits. */
  decimals?: number;
  /** What it measures, in one sentence. */
  meaning: string;
  /** The paper that defines it; "this project's" where none does. */
  source: string;
}

/** `better` in words. */
export const BETTER_MEANS: Readonly<Record<ScoreDefinition["better"], string>> = {
  lower: "lower is better",
  higher: "higher is better",
  floor: "near the floor is better",
};

/** What every score means, in the order of the tables. */
export const SCORE_DEFINITIONS: Readonly<Record<ScoreName, ScoreDefinition>> = {
  fid: {
    label: "FID",
    better: "lower",
    range: "0 and up",
    unit: "features squared",
    meaning:
      "Fréchet distance of the Gaussians fitted to generated and to held-out images; biased upwards at small n.",
    source: "Heusel et al. 2017, arXiv 1706.08500",
  },
  kid: {
    label: "KID",
    better: "lower",
    range: "around 0 and up; unbiased, so it can be negative",
    aroundZero: true,
    unit: "kernel (x·y/d + 1)³",
    meaning: "Squared maximum mean discrepancy of generated and held-out images.",
    source: "Bińkowski et al. 2018, arXiv 1801.01401",
  },
  precision: {
    label: "precision",
    better: "higher",
    range: "0 to 1",
    unit: "share of generated images",
    decimals: 3,
    meaning: "Generated images that lie within the held-out images' manifold: are they realistic?",
    source: "Kynkäänniemi et al. 2019, arXiv 1904.06991",
  },
  recall: {
    label: "recall",
    better: "higher",
    range: "0 to 1",
    unit: "share of held-out images",
    decimals: 3,
    meaning: "Held-out images that lie within the generated images' manifold: is everything there?",
    source: "Kynkäänniemi et al. 2019, arXiv 1904.06991",
  },
  density: {
    label: "density",
    better: "higher",
    range: "0 and up, about 1 for real images",
    unit: "balls per k",
    decimals: 3,
    meaning:
      "Held-out images' balls that a generated image lies in; above the floor, samples crowd the typical region.",
    source: "Naeem et al. 2020, arXiv 2002.09797",
  },
  coverage: {
    label: "coverage",
    better: "higher",
    range: "0 to 1",
    unit: "share of held-out images",
    decimals: 3,
    meaning: "Held-out images with a generated image in their ball: is everything there? Robust to outliers.",
    source: "Naeem et al. 2020, arXiv 2002.09797",
  },
  accuracy: {
    label: "class accuracy",
    better: "higher",
    range: "0 to 1",
    unit: "share of generated images",
    decimals: 3,
    meaning: "Generated images that an independent classifier puts into the class they were made for.",
    source: "this project's, by its evaluation network",
  },
  nearestTrain: {
    label: "nearest train",
    better: "floor",
    range: "0 and up",
    unit: "features",
    meaning:
      "Mean distance of a generated image to its nearest training image; far below the floor means copying.",
    source: "this project's",
  },
  nearCopies: {
    label: "near copies",
    better: "floor",
    range: "0 to 1, 0.01 for held-out images",
    unit: "share of generated images",
    decimals: 3,
    meaning: "Generated images nearer to a training image than 99 % of the held-out images are.",
    source: "this project's",
  },
};
