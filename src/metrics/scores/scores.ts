import type { ManifoldScores } from "../distances/manifold.ts";
import type { CopyScores } from "../distances/nearest.ts";
import type { Score } from "../statistics/score.ts";

/** All scores of a set of generated images; `SCORE_DEFINITIONS` says how to read each. */
export interface Scores extends ManifoldScores, CopyScores {
  fid: Score;
  kid: Score;
  /** Present when logits and labels were given. */
  accuracy?: Score;
}

/** Names of all scores. */
export type ScoreName = keyof Scores;
