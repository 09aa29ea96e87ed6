import type { NamedScores, NamedTerms } from "../../metrics/scores/named_scores.ts";
import type { ImageBatch } from "../report/grids.ts";
import type { StudyRun, Variant } from "./study.ts";

/** What a model scores when it is sampled in one way. */
export interface Scored {
  scores: NamedScores;
  /** Of the scores that arms are compared by. */
  terms: NamedTerms;
  /** The first few images. */
  shown: ImageBatch;
}

/** A run's model in memory. */
export interface ScoredModel {
  /**
   * Samples it in one way and scores the images. All models get the same noise and are asked for the same.
   *
   * @param folder of this evaluation, where what it takes long to make may be kept
   */
  score(variant: Variant, label: string, folder: string): Promise<Scored>;
  dispose(): void;
}

/** Scores the models of a study. */
export interface StudyScorer {
  /** @param weights folder that the run's tuning wrote, or its model as it was */
  open(run: StudyRun, weights: string): Promise<ScoredModel>;
  dispose(): void;
}
