import { barFigure } from "../display/bar_figure.ts";
import { type Figure, lineFigure, type Series } from "../display/figure.ts";
import { type Markup, markup } from "../display/html.ts";
import { figureHtml, plotlyScript } from "../display/plotly.ts";
import { columnsOf, formatCell, type Rows } from "../display/text.ts";
import type { Measurement } from "./measure.ts";
import { ratiosOf } from "./ratios.ts";
import { type BenchmarkResults, type CaseResult, enginesOf } from "./results.ts";
import { LEGEND, skippedLines, tableParts, tableRows } from "./tables.ts";
import { targetRows } from "./targets.ts";
import { TOLERANCE_TEXT } from "./tolerance.ts";

/** One bar per case and precision for time, one for memory. */
function ratioFigure(cases: readonly CaseResult[]): Figure {
  const ratios = ratiosOf(cases);
  return barFigure(ratios.map(({ name }) => name), [
    { name: "time", values: ratios.map(({ time }) => time) },
    { name: "peak memory", values: ratios.map(({ memory }) => memory) },
  ], {
    title: "Time over the fastest PyTorch side's, memory over eager PyTorch's: below 1 is better",
    x: { label: "benchmark" },
    y: { label: "ratio" },
  });
}

type Variable = "samplingSteps" | "gradSteps";

/** `adt-step` and those that differ from it in one number only. */
function sweep(cases: readonly CaseResult[], variable: Variable): CaseResult[] {
  const named = variable === "samplingSteps" ? /^adt-(step|t\d+)$/ : /^adt-(step|k\d+)$/;
  return cases.filter(({ name }) => named.test(name)).toSorted((a, b) => a[variable] - b[variable]);
}

function sweepFigures(cases: readonly CaseResult[], variable: Variable): Figure[] {
  const points = sweep(cases, variable);
  if (points.length < 2) return [];
  const name = variable === "samplingSteps" ? "sampling steps T" : "trained steps K";
  const sides = new Set(points.flatMap(({ measurements }) => measurements.map(({ side }) => side)));
  const series = (value: (m: Measurement) => number): Series[] =>
    [...sides].flatMap((side) => {
      const measured = points.flatMap((point) =>
        point.measurements.filter((m) => m.side === side).map((m) => ({ x: point[variable], y: value(m) }))
      );
      const one = { name: side, x: measured.map(({ x }) => x), y: measured.map(({ y }) => y) };
      return measured.length < 2 ? [] : [one];
    });
  return [
    lineFigure(series((m) => m.peak_mib), {
      title: `Peak memory of an ADT step against ${name}`,
      x: { label: name },
      y: { label: "peak resident memory", unit: "MiB" },
    }),
    lineFigure(series((m) => m.wall_ms.min / 1000), {
      title: `Time of an ADT step against ${name}`,
      x: { label: name },
      y: { label: "time", unit: "s" },
    }),
  ];
}

/** The figures that the measured cases allow. */
export function benchmarkFigures(cases: readonly CaseResult[]): Figure[] {
  return [
    ...ratiosOf(cases).length > 0 ? [ratioFigure(cases)] : [],
    ...sweepFigures(cases, "samplingSteps"),
    ...sweepFigures(cases, "gradSteps"),
  ];
}

const STYLE = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid #8886; }`;

function table(rows: Rows): Markup {
  const columns = columnsOf(rows),
    cells = (row: Rows[number]) => columns.map((name) => formatCell(row[name]));
  return markup`<table><thead><tr>${columns.map((name) => markup`<th>${name}</th>`)}</tr></thead>
<tbody>${
    rows.map((row) => markup`<tr>${cells(row).map((cell) => markup`<td>${cell}</td>`)}</tr>`)
  }</tbody></table>`;
}

/** Tables and figures as one HTML page that needs no network. */
export async function benchmarkPage(results: BenchmarkResults): Promise<string> {
  const { cpu, cores, memory_gib, os, arch } = results.machine;
  const targets = targetRows(results.targets), skipped = skippedLines(results.cases);
  return markup`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Benchmarks</title><style>${{ markup: STYLE }}</style>${await plotlyScript()}</head>
<body>
<h1>Benchmarks</h1>
<p>${results.date}, ${cpu}, ${cores} cores, ${memory_gib} GiB, ${os} ${arch}; ${
    enginesOf(results.cases).join("; ")
  }.
All sides of a benchmark ran in turns.${results.quick && " Tiny networks: the times mean nothing."}</p>
${benchmarkFigures(results.cases).map((figure) => figureHtml(figure))}
<p>${LEGEND} ${TOLERANCE_TEXT}</p>
${
    tableParts(results.cases).map(({ heading, cases }) =>
      markup`<h2>${heading}</h2>${table(tableRows(cases))}`
    )
  }
${skipped.map((line) => markup`<p>${line}</p>`)}
${targets.length > 0 && [markup`<h2>Targets</h2>`, table(targets)]}
</body></html>
`.markup;
}
