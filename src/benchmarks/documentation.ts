import { join } from "node:path";
import { columnsOf, formatCell, type Rows } from "../display/text.ts";
import { ratioPicture } from "./picture.ts";
import { type BenchmarkResults, ratiosOf, tableRows, targetRows } from "./results.ts";
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
  const engines = new Set(cases.flatMap(({ measurements }) => measurements.map((m) => m.engine.description)));
  return `# Benchmarks

Written by \`deno task bench\` on ${date}: ${cpu}, ${cores} cores, ${memory_gib} GiB, ${os} ${arch};
${
    [...engines].join("; ")
  }. All sides of a benchmark computed the same from the same weights and inputs, in turns.

![Time and peak memory over PyTorch's](${PICTURE})

Times in milliseconds; × is the ratio to PyTorch, of the minimal times and of the peaks of resident memory.

${markdownTable(tableRows(cases))}

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
