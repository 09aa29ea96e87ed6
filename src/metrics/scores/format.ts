import { UserError } from "../../runtime/errors.ts";
import { checkComparable, type Score } from "../statistics/score.ts";
import { SCORE_DEFINITIONS } from "./definitions.ts";
import type { ScoreName, Scores } from "./scores.ts";

/** The scores of one model. */
export interface ScoreRow {
  /** The model's name in the table. */
  name: string;
  scores: Scores;
}

/** Signs of the better direction. */
export const ARROWS = { lower: "↓", higher: "↑", floor: "≈" } as const;

/** A table of scores: one line per score, one column per model, and the floor. */
export interface ScoreTable {
  header: string[];
  body: string[][];
  /** Sentences that say n, and what arrows, brackets and the floor are. */
  notes: string[];
}

/**
 * Scores of several models side by side, as texts for a terminal, a notebook or a report.
 *
 * @throws {UserError} if there is nothing to show, or the models were evaluated at different n
 */
function scoreTable(rows: readonly ScoreRow[]): ScoreTable {
  const [first] = rows;
  if (!first) throw new UserError("a table of scores needs at least one model's scores; none were given");
  const names = (Object.keys(SCORE_DEFINITIONS) as ScoreName[]).filter((name) =>
    rows.some(({ scores }) => scores[name])
  );
  const body = names.map((name) => {
    const scores = rows.map((row) => row.scores[name]),
      present = scores.filter((score) => score !== undefined);
    for (const score of present) checkComparable(present[0]!, score);
    const { label, better, decimals } = SCORE_DEFINITIONS[name], floor = present[0]!.floor;
    const cells = scores.map((score) => scoreCell(score, decimals));
    return [
      `${label} ${ARROWS[better]}`,
      ...cells,
      floor === undefined ? "none" : formatNumber(floor, decimals),
    ];
  });
  return { header: ["score", ...rows.map(({ name }) => name), "floor"], body, notes: notesOn(first.scores) };
}

function notesOn({ fid, nearestTrain }: Scores): string[] {
  const n = count(fid.n), held = count(fid.nReference!), trained = count(nearestTrain.nReference!);
  const copies = `${SCORE_DEFINITIONS.nearestTrain.label} and ${SCORE_DEFINITIONS.nearCopies.label}`;
  return [
    `n = ${n} generated images per model, against ${held} held-out images; ${copies}: against ${trained} training images.`,
    "↓ lower is better, ↑ higher is better, ≈ near the floor is better; [low, high]: 95 % confidence interval.",
    `floor: the same score of n = ${n} real training images in their place (accuracy, ${copies}: of the held-out images).`,
  ];
}

/**
 * The table as plain text with aligned columns, n and the floor always in it.
 *
 * @throws {UserError} if there is nothing to show, or the models were evaluated at different n
 */
export function formatScores(rows: readonly ScoreRow[]): string {
  const { header, body, notes } = scoreTable(rows);
  return [...alignColumns([header, ...body]), "", ...notes].join("\n");
}

/** Lines of a table, the first one underlined. */
export function alignColumns(lines: readonly string[][]): string[] {
  const widths = lines[0]!.map((_, c) => Math.max(...lines.map((line) => line[c]!.length)));
  const align = (line: string[]) => line.map((text, c) => text.padEnd(widths[c]!)).join("  ").trimEnd();
  const [header, ...body] = lines.map(align);
  return [header!, align(widths.map((width) => "-".repeat(width))), ...body];
}

/** A score with its interval, both with the same number of decimals; "none" where there is no score. */
export function scoreCell(score: Score | undefined, decimals?: number): string {
  if (!score) return "none";
  const { value, ci = [] } = score;
  const same = decimals ?? decimalsFor(Math.max(...[value, ...ci].map(Math.abs)));
  const [centre, ...ends] = [value, ...ci].map((number) => number.toFixed(same));
  return ends.length ? `${centre} [${ends.join(", ")}]` : centre!;
}

/** A number as in a `scoreCell`. */
export function formatNumber(value: number, decimals = decimalsFor(Math.abs(value))): string {
  return value.toFixed(decimals);
}

/** Decimals for three significant digits (129.9 gets one more). */
function decimalsFor(magnitude: number): number {
  if (magnitude === 0 || magnitude >= 1000) return 0;
  return magnitude >= 100 ? 1 : Math.min(6, 2 - Math.floor(Math.log10(magnitude)));
}

/** A number of images, with separators. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}
