import type { CopyScores } from "../distances/nearest.ts";
import type { FeatureKind } from "../features/kinds.ts";
import type { FolderScores } from "./compare_definitions.ts";
import type { PictureTextScores } from "./picture_text.ts";

/** Scores by one network. */
export interface NetworkScores {
  features: FeatureKind;
  /** Folder of the network. */
  model: string;
  /** How many features it gives. */
  width: number;
  /** With floors where there are training pictures. */
  scores: FolderScores;
}

/** Whether samples show what their texts say; the scores' floors are those of the reference's real pictures. */
export interface PictureTextComparison {
  scores: PictureTextScores;
  /** The same of samples with each other's texts. */
  shuffled: Record<keyof PictureTextScores, number>;
}

/** Whether samples are copies of training pictures; the scores' floors are those of the reference's real pictures. */
export interface CopyComparison {
  scores: CopyScores;
  /** Quantiles of the distance to the nearest training picture, at `CopyComparison.shares`. */
  samples: number[];
  real: number[];
  shares: readonly number[];
}

/** All scores of a pipeline. */
export interface PipelineScores {
  networks: NetworkScores[];
  /** Of pictograms only, as the next. */
  pictureText?: PictureTextComparison;
  copies?: CopyComparison;
}
