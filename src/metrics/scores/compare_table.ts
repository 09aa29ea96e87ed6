import { UserError } from "../../runtime/errors.ts";
import type { FeatureKind } from "../features/kinds.ts";
import { checkComparable } from "../statistics/score.ts";
import { folderDefinitions, type FolderScores } from "./compare_definitions.ts";
import { alignColumns, ARROWS, count, scoreCell } from "./format.ts";

/** The scores of one folder. */
export interface FolderRow {
  name: string;
  scores: FolderScores;
}

/**
 * Scores of one or more folders against one reference, as a text table with aligned columns and what is needed to read it.
 *
 * @param features how many the network gives, for the warning about too few images
 * @throws {UserError} if there is nothing to show, or the folders have different numbers of images
 */
export function formatFolderScores(
  rows: readonly FolderRow[],
  { kind, features }: { kind: FeatureKind; features: number },
): string {
  const [first] = rows;
  if (!first) throw new UserError("a table of scores needs at least one folder's scores; none were given");
  const definitions = Object.entries(folderDefinitions(kind)) as [
    keyof FolderScores,
    ReturnType<typeof folderDefinitions>["fid"],
  ][];
  const body = definitions.flatMap(([name, { label, better, decimals }]) => {
    const scores = rows.map((row) => row.scores[name]),
      present = scores.filter((score) => score !== undefined);
    if (present.length === 0) return [];
    for (const score of present) checkComparable(present[0]!, score);
    return [[`${label} ${ARROWS[better]}`, ...scores.map((score) => scoreCell(score, decimals))]];
  });
  const { n, nReference } = first.scores.fid;
  return [
    ...alignColumns([["score", ...rows.map(({ name }) => name)], ...body]),
    "",
    `n = ${count(n)} images${rows.length > 1 ? " each" : ""}, against ${
      count(nReference!)
    } reference images.`,
    "↓ lower is better, ↑ higher is better; [low, high]: 95 % confidence interval.",
    ...smallSampleNotes(Math.min(n, nReference!), features),
  ].join("\n");
}

/** What too few images mean for a Fréchet distance. */
export function smallSampleNotes(n: number, features: number): string[] {
  if (n > features) return [];
  return [
    `Too few images for a Fréchet distance: ${count(n)} against ${
      count(features)
    } features. The covariances are ` +
    "singular and the distance is mostly bias; read KID (or CMMD), which have none or little, or add images " +
    "(10,000 or more are usual).",
  ];
}
