import type { Figure } from "../../src/display/figure.ts";
import { join, type Notebook, type Output } from "./notebook.ts";

export const PLOTLY = "application/vnd.plotly.v1+json";

/** Cells whose outputs are not all there: fewer than calls of `show` and `live`, or no figure where one is made. */
export function missingOutputs({ cells }: Notebook): string[] {
  return cells.flatMap((cell, i) => {
    if (cell.cell_type !== "code") return [];
    const code = join(cell.source), calls = code.match(/\b(show|live)\(/g)?.length ?? 0;
    const shown = (cell.outputs ?? []).flatMap(({ data }) => data === undefined || isBar(data) ? [] : [data]);
    const kinds: [RegExp, (data: Record<string, unknown>) => boolean, string][] = [
      [/Figure\(/, (data) => PLOTLY in data && "text/html" in data, "figure"],
      [/\bfilm\(/, (data) => join(data["text/plain"]).startsWith("film of"), "film"],
      [/[gG]rid\(/, (data) => join(data["text/html"]).includes("data:image/png;base64,"), "image grid"],
    ];
    const missing = kinds.filter(([made, is]) => calls > 0 && made.test(code) && !shown.some(is));
    const problems = missing.map(([, , kind]) => `cell ${i + 1} shows no ${kind}`);
    if (shown.length < calls) {
      problems.push(`cell ${i + 1} has ${shown.length} outputs for ${calls} calls of show() and live()`);
    }
    return problems;
  });
}

const isBar = (data: Record<string, unknown>) => join(data["text/html"]).includes("<progress");

/** Of each code cell's outputs, all that is the same in every run: kinds, titles, sizes, headings; no measured number. */
export function outputShapes({ cells }: Notebook): string[][] {
  return cells.filter((cell) => cell.cell_type === "code").map(({ outputs = [] }) => outputs.map(shapeOf));
}

function shapeOf({ output_type, data }: Output): string {
  if (data === undefined) return output_type;
  const html = join(data["text/html"]), text = join(data["text/plain"]);
  if (PLOTLY in data) return `figure ${figureShape(data[PLOTLY] as Figure)}`;
  if (html.includes("<table>")) return `table ${tableShape(html)}`;
  if (text.startsWith("film of") || text.startsWith("image grid")) return text.split(";")[0]!;
  if (isBar(data)) return "progress bar";
  return text.startsWith("tensor") ? text.split(":")[0]! : "text";
}

function figureShape({ data, layout }: Figure): string {
  const traces = data.map(({ type, name }) => `${type} ${name}`);
  return JSON.stringify([layout.title, ...traces]).replace(/\d[\d.]*/g, "#");
}

function tableShape(html: string): string {
  const headings = [...html.matchAll(/<th[^>]*>(.*?)<\/th>/g)].map(([, heading]) => heading);
  return `${headings.join(", ")}: ${html.match(/<tr>/g)!.length - 1} rows`;
}

/** The largest notebook file that is worth opening in a viewer, in bytes. */
const LARGEST = 3e6;

/** What keeps a notebook's file from being read as it stands: by viewers that run no script, and with no network. */
export function recordingFaults(file: string): string[] {
  const { cells } = JSON.parse(file) as Notebook;
  const faults = file.length > LARGEST ? [`${file.length} bytes; at most ${LARGEST}`] : [];
  let libraries = 0;
  for (const [i, { outputs = [] }] of cells.entries()) {
    for (const { output_type, data = {} } of outputs) {
      if (output_type === "error") faults.push(`cell ${i + 1} failed`);
      const html = join(data["text/html"]);
      if (carriesLibrary(html)) libraries++;
      if (!(PLOTLY in data)) continue;
      if (!html.includes("<img ")) faults.push(`cell ${i + 1} has a figure without a picture`);
    }
  }
  if (libraries !== 1) faults.push(`plotly.js is in ${libraries} outputs; expected in 1`);
  return faults;
}

/** Whether a figure's HTML brings plotly.js along. */
export const carriesLibrary = (html: string): boolean => html.includes("<script>if (!window.Plotly)");
