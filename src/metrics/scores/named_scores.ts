import { FEATURE_KINDS, type FeatureKind, NETWORK_NAMES } from "../features/kinds.ts";
import type { Score } from "../statistics/score.ts";
import { folderDefinitions, type FolderScores } from "./compare_definitions.ts";
import { SCORE_DEFINITIONS, type ScoreDefinition } from "./definitions.ts";
import { PICTURE_TEXT_DEFINITIONS, type PictureTextScores } from "./picture_text.ts";
import type { ScoreName } from "./scores.ts";

/**
 * Scores of a model by name: those of `SCORE_DEFINITIONS`; of a pipeline also those of pictures with their texts, and those
 * against real pictures by several networks, like "fid.squeezenet".
 */
export type NamedScores = Readonly<Record<string, Score>>;

/** The terms of scores by name, see `ScoreTerms`. */
export type NamedTerms = Readonly<Record<string, Float64Array>>;

/** The name of a score by one network. */
export const byNetwork = (score: keyof FolderScores, kind: FeatureKind): string => `${score}.${kind}`;

/** Scores against real pictures whose labels do not tell the network. */
const NAMELESS: readonly string[] = ["precision", "recall", "density", "coverage"];

/**
 * What a named score means.
 *
 * @throws Error for a name that is none
 */
export function scoreDefinition(name: string): ScoreDefinition {
  const [score, network] = name.split("."), kind = FEATURE_KINDS.find((kind) => kind === network);
  if (kind) {
    const definition = folderDefinitions(kind)[score as keyof FolderScores];
    return NAMELESS.includes(score!)
      ? { ...definition, label: `${definition.label} (${NETWORK_NAMES[kind]})` }
      : definition;
  }
  const definition = SCORE_DEFINITIONS[name as ScoreName] ??
    PICTURE_TEXT_DEFINITIONS[name as keyof PictureTextScores];
  if (!definition) throw new Error(`there is no score "${name}"`);
  return definition;
}
