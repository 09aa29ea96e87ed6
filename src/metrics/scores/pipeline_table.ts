import { NETWORK_NAMES } from "../features/kinds.ts";
import type { Score } from "../statistics/score.ts";
import { folderDefinitions, type FolderScores } from "./compare_definitions.ts";
import { smallSampleNotes } from "./compare_table.ts";
import { SCORE_DEFINITIONS, type ScoreDefinition } from "./definitions.ts";
import { alignColumns, ARROWS, count, formatNumber, scoreCell } from "./format.ts";
import { PICTURE_TEXT_DEFINITIONS, type PictureTextScores } from "./picture_text.ts";
import type {
  CopyComparison,
  NetworkScores,
  PictureTextComparison,
  PipelineScores,
} from "./pipeline_scores.ts";

/** Scores of images against the reference whose names do not tell the network. */
const NAMELESS: readonly string[] = ["precision", "recall", "density", "coverage"];

/** The scores of a pipeline as a text table with aligned columns, and what is needed to read it. */
export function formatPipelineScores(
  { networks, pictureText, copies }: PipelineScores,
  names: { pipeline: string; reference: string },
): string {
  const rows = [
    ...networks.flatMap(networkRows),
    ...pictureText ? textRows(pictureText) : [],
    ...copies ? copyRows(copies) : [],
  ];
  const header = ["score", names.pipeline, "floor", ...pictureText ? ["shuffled texts"] : []];
  const width = header.length, { n, nReference } = networks[0]!.scores.fid;
  const floor = networks.some(({ scores }) => scores.fid.floor !== undefined);
  return [
    ...alignColumns([header, ...rows.map((row) => Array.from({ length: width }, (_, c) => row[c] ?? ""))]),
    "",
    `n = ${count(n)} samples, against ${count(nReference!)} reference pictures (${names.reference}).`,
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
    ...copies ? copyNotes(copies) : [],
    ...networks.flatMap(({ features, width }) =>
      smallSampleNotes(Math.min(n, nReference!), width).map((note) => `${NETWORK_NAMES[features]}: ${note}`)
    ),
  ].join("\n");
}

function networkRows({ features, scores }: NetworkScores): string[][] {
  const definitions = folderDefinitions(features);
  return (Object.keys(definitions) as (keyof FolderScores)[]).flatMap((name) => {
    const score = scores[name], { label } = definitions[name];
    if (!score) return [];
    const named = NAMELESS.includes(name) ? `${label} (${NETWORK_NAMES[features]})` : label;
    return [row({ ...definitions[name], label: named }, score)];
  });
}

function textRows({ scores, shuffled }: PictureTextComparison): string[][] {
  return (Object.keys(PICTURE_TEXT_DEFINITIONS) as (keyof PictureTextScores)[]).map((name) => {
    const definition = PICTURE_TEXT_DEFINITIONS[name];
    return [...row(definition, scores[name]), formatNumber(shuffled[name], definition.decimals)];
  });
}

function copyRows({ scores }: CopyComparison): string[][] {
  return (["nearestTrain", "nearCopies"] as const).map((name) => row(SCORE_DEFINITIONS[name], scores[name]));
}

function row({ label, better, decimals }: ScoreDefinition, score: Score): string[] {
  const floor = score.floor === undefined ? "none" : formatNumber(score.floor, decimals);
  return [`${label} ${ARROWS[better]}`, scoreCell(score, decimals), floor];
}

function textNote({ scores }: PictureTextComparison): string {
  return `picture-text: among ${
    count(scores.cosine.nReference!)
  } texts, by SqueezeNet; floor: of the reference's real pictures.`;
}

function copyNotes({ scores, samples, real, shares }: CopyComparison): string[] {
  const { nearestTrain, nearCopies } = SCORE_DEFINITIONS;
  const quantiles = (values: readonly number[]) => values.map((value) => formatNumber(value)).join(", ");
  return [
    `${nearestTrain.label}, ${nearCopies.label}: against ${
      count(scores.nearestTrain.nReference!)
    } training pictures, by SqueezeNet; floor: of the reference's real pictures. A near copy is nearer than 99 % of those.`,
    `distance to the nearest training picture, at ${shares.map((share) => 100 * share).join(", ")} %: ` +
    `samples ${quantiles(samples)}; real pictures ${quantiles(real)}.`,
  ];
}
