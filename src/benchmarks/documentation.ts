import { join } from "node:path";
import { columnsOf, formatCell, type Rows } from "../display/text.ts";
import { ratioPicture } from "./picture.ts";
import { ratiosOf } from "./ratios.ts";
import { type BenchmarkResults, enginesOf } from "./results.ts";
import { LEGEND, skippedLines, tableParts, tableRows } from "./tables.ts";
import { targetRows } from "./targets.ts";
import { TOLERANCE_TEXT } from "./tolerance.ts";
import { writeResult } from "./write_result.ts";

const FOLDER = "docs", PICTURE = "benchmarks.svg";

/** Writes `docs/benchmarks.md` and its picture: the results of a whole run, for readers of the repository. */
export async function writeDocumentation(results: BenchmarkResults): Promise<void> {
  await writeResult(join(FOLDER, PICTURE), ratioPicture(ratiosOf(results.cases)));
  await writeResult(join(FOLDER, "benchmarks.md"), benchmarkText(results));
}

/** The page's text, in Markdown. */
export function benchmarkText({ date, machine, cases, targets }: BenchmarkResults): string {
  const { cpu, cores, memory_gib, os, arch } = machine;
  const tables = tableParts(cases).map(({ heading, cases }) =>
    `## ${heading}\n\n${markdownTable(tableRows(cases))}\n`
  );
  const skipped = skippedLines(cases).map((line) => `- ${line}\n`).join("");
  return `# Benchmarks

Written by \`deno task bench\` on ${date}: ${cpu}, ${cores} cores, ${memory_gib} GiB, ${os} ${arch};
${
    enginesOf(cases).join("; ")
  }. All sides of a benchmark computed the same from the same weights and inputs, in turns.

![Time over the fastest PyTorch side's and peak memory over eager PyTorch's, in the same precision](${PICTURE})

${LEGEND} ${TOLERANCE_TEXT}

${tables.join("\n")}${skipped && `\n${skipped}`}
## Targets

${markdownTable(targetRows(targets))}
`;
}

/** A table in Markdown. */
export function markdownTable(rows: Rows): string {
  const columns = columnsOf(rows), line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map((name) => formatCell(row[name])))),
  ].join("\n");
}
