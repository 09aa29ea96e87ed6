import { NETWORK_NAMES } from "../features/kinds.ts";
import type { Score } from "../statistics/score.ts";
import { folderDefinitions, type FolderScores } from "./compare_definitions.ts";
import { smallSampleNotes } from "./compare_table.ts";
import { SCORE_DEFINITIONS, type ScoreDefinition } from "./definitions.ts";
import { alignColumns, ARROWS, count, formatNumber, scoreCell } from "./format.ts";
import { byNetwork, scoreDefinition } from "./named_scores.ts";
import { PICTURE_TEXT_DEFINITIONS, type PictureTextScores } from "./picture_text.ts";
import type {
  CopyComparison,
  NetworkScores,
  PictureTextComparison,
  PipelineScores,
} from "./pipeline_scores.ts";

/** One column: a pipeline, or a way to sample it. */
export interface PipelineColumn {
  name: string;
  scores: PipelineScores;
}

/**
 * Scores of a pipeline, or of several by the same networks at the same n, as a text table with aligned columns, and what is
 * needed to read it.
 *
 * @param reference what the pictures are that the samples are compared with
 */
export function formatPipelineScores(columns: readonly PipelineColumn[], reference: string): string {
  const all = columns.map(({ scores }) => scores),
    [{ networks, pictureText, copies }] = all as [PipelineScores];
  const texts = all.flatMap(({ pictureText }) => pictureText ?? []), alone = columns.length === 1;
  const rows = [
    ...networks.flatMap((_, i) => networkRows(all.map(({ networks }) => networks[i]!))),
    ...texts.length ? textRows(texts) : [],
    ...copyRows(all.flatMap(({ copies }) => copies ?? [])),
  ];
  const header = [
    "score",
    ...columns.map(({ name }) => name),
    "floor",
    ...texts.length && alone ? ["shuffled texts"] : [],
  ];
  const width = header.length, { n, nReference } = networks[0]!.scores.fid;
  const floor = networks.some(({ scores }) => scores.fid.floor !== undefined);
  return [
    ...alignColumns([header, ...rows.map((row) => Array.from({ length: width }, (_, c) => row[c] ?? ""))]),
    "",
    `n = ${count(n)} samples${alone ? "" : " each"}, against ${
      count(nReference!)
    } reference pictures (${reference}).`,
    "↓ lower is better, ↑ higher is better, ≈ near the floor is better; [low, high]: 95 % confidence interval.",
    ...floor
      ? [
        `floor: the same score of ${
          count(n)
        } real training pictures in the samples' place. They are drawn alike but show other ` +
        "things than the reference, so a pipeline that knows its things can score better.",
      ]
      : [],
    ...pictureText ? [textNote(pictureText)] : [],
    ...copies ? copyNotes(copies, alone) : [],
    ...networks.flatMap(({ features, width }) =>
      smallSampleNotes(Math.min(n, nReference!), width).map((note) => `${NETWORK_NAMES[features]}: ${note}`)
    ),
  ].join("\n");
}

/** The rows of one network. */
function networkRows(columns: readonly NetworkScores[]): string[][] {
  const { features } = columns[0]!, definitions = folderDefinitions(features);
  return (Object.keys(definitions) as (keyof FolderScores)[]).flatMap((name) => {
    const scores = columns.map(({ scores }) => scores[name]);
    if (scores.every((score) => score === undefined)) return [];
    return [row(scoreDefinition(byNetwork(name, features)), scores)];
  });
}

/** What shuffled texts score is told where one column leaves room for it. */
function textRows(columns: readonly PictureTextComparison[]): string[][] {
  return (Object.keys(PICTURE_TEXT_DEFINITIONS) as (keyof PictureTextScores)[]).map((name) => {
    const definition = PICTURE_TEXT_DEFINITIONS[name];
    const cells = row(definition, columns.map(({ scores }) => scores[name]));
    return columns.length > 1
      ? cells
      : [...cells, formatNumber(columns[0]!.shuffled[name], definition.decimals)];
  });
}

function copyRows(columns: readonly CopyComparison[]): string[][] {
  if (columns.length === 0) return [];
  return (["nearestTrain", "nearCopies"] as const).map((name) =>
    row(SCORE_DEFINITIONS[name], columns.map(({ scores }) => scores[name]))
  );
}

function row({ label, better, decimals }: ScoreDefinition, scores: readonly (Score | undefined)[]): string[] {
  const floor = scores.find((score) => score?.floor !== undefined)?.floor;
  return [
    `${label} ${ARROWS[better]}`,
    ...scores.map((score) => scoreCell(score, decimals)),
    floor === undefined ? "none" : formatNumber(floor, decimals),
  ];
}

function textNote({ scores }: PictureTextComparison): string {
  return `picture-text: among ${
    count(scores.cosine.nReference!)
  } texts, by SqueezeNet; floor: of the reference's real pictures.`;
}

function copyNotes({ scores, samples, real, shares }: CopyComparison, alone: boolean): string[] {
  const { nearestTrain, nearCopies } = SCORE_DEFINITIONS;
  const quantiles = (values: readonly number[]) => values.map((value) => formatNumber(value)).join(", ");
  return [
    `${nearestTrain.label}, ${nearCopies.label}: against ${
      count(scores.nearestTrain.nReference!)
    } training pictures, by SqueezeNet; floor: of the reference's real pictures. A near copy is nearer than 99 % of those.`,
    ...alone
      ? [
        `distance to the nearest training picture, at ${shares.map((share) => 100 * share).join(", ")} %: ` +
        `samples ${quantiles(samples)}; real pictures ${quantiles(real)}.`,
      ]
      : [],
  ];
}
