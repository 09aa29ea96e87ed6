import * as tf from "@tensorflow/tfjs";
import { describeFigure, type Figure, isFigure } from "./figure.ts";
import { describeFilm, type Film, isFilm } from "./film.ts";
import { describeGrid, gridHtml, type ImageGrid, isGrid } from "./grid.ts";
import { emit, inNotebook, type MimeBundle } from "./host.ts";
import { escapeHtml, htmlPage, type Markup, markup } from "./html.ts";
import { describePlayground, isPlayground, type Playground, playgroundHtml } from "./playground.ts";
import { claimLibrary, figureBundle, figurePage, filmBundle } from "./plotly.ts";
import {
  columnsOf,
  describeTensor,
  formatCell,
  formatConfig,
  formatTable,
  isConfig,
  isNumeric,
  isRows,
  type Rows,
} from "./text.ts";

export interface ShowOptions {
  /** Also writes a figure, a film or a playground as an HTML page, or a grid as a PNG. */
  saveAs?: string;
}

async function save(value: Figure | Film | ImageGrid | Playground, path: string): Promise<void> {
  if (isGrid(value)) await Deno.writeFile(path, value.png);
  else if (isPlayground(value)) {
    await Deno.writeTextFile(path, htmlPage(describePlayground(value), playgroundHtml(value)));
  } else await Deno.writeTextFile(path, await figurePage(value));
}

function tableHtml(rows: Rows): Markup {
  const columns = columnsOf(rows).map((name) => ({ name, align: isNumeric(rows, name) ? "right" : "left" }));
  const heads = columns.map(({ name, align }) => markup`<th style="text-align:${align}">${name}</th>`);
  const line = (row: Rows[number]) =>
    columns.map(({ name, align }) => markup`<td style="text-align:${align}">${formatCell(row[name])}</td>`);
  const lines = rows.map((row) => markup`<tr>${line(row)}</tr>`);
  return markup`<table><thead><tr>${heads}</tr></thead><tbody>${lines}</tbody></table>`;
}

/** Any value in words: what a terminal prints, and what a notebook falls back on. */
export async function describe(value: unknown): Promise<string> {
  if (isFilm(value)) return describeFilm(value);
  if (isPlayground(value)) return describePlayground(value);
  if (isFigure(value)) return describeFigure(value);
  if (isGrid(value)) return describeGrid(value);
  if (value instanceof tf.Tensor) return await describeTensor(value);
  if (isRows(value)) return formatTable(value);
  if (isConfig(value)) return formatConfig(value);
  return typeof value === "string"
    ? value
    : Deno.inspect(value, { depth: 4, breakLength: 100, colors: false });
}

/** Long lines break between words. */
const PREFORMATTED = "font-family:monospace;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere";

/** What a notebook is given of a value. */
export async function bundle(value: unknown): Promise<MimeBundle> {
  if (isFilm(value)) return await filmBundle(value, claimLibrary());
  if (isFigure(value)) return await figureBundle(value, claimLibrary());
  const text = await describe(value);
  if (isPlayground(value)) return { "text/html": playgroundHtml(value).markup, "text/plain": text };
  if (isGrid(value)) return { "text/html": gridHtml(value).markup, "text/plain": text };
  if (isRows(value)) return { "text/html": tableHtml(value).markup, "text/plain": text };
  return {
    "text/html": `<pre style="${PREFORMATTED}">${escapeHtml(text)}</pre>`,
    "text/plain": text,
  };
}

const isDrawn = (value: unknown): value is Figure | Film | ImageGrid | Playground =>
  isFilm(value) || isFigure(value) || isGrid(value) || isPlayground(value);

/**
 * Shows a figure, a film, a playground, an image grid, a tensor (shape, range and histogram), a table (a list of plain objects), a configuration
 * (plain objects in one another) or any other value. In a notebook it is drawn; in a terminal it is told in words.
 *
 * @example
 * ```ts
 * import { show } from "./show.ts";
 * await show([{ arm: "untuned", FID: 31.4 }, { arm: "ADT", FID: 8.2 }]);
 * ```
 */
export async function show(value: unknown, { saveAs }: ShowOptions = {}): Promise<void> {
  if (saveAs !== undefined && isDrawn(value)) await save(value, saveAs);
  if (inNotebook()) return await emit(await bundle(value));
  console.log(await describe(value) + (saveAs === undefined ? "" : ` → ${saveAs}`));
}
