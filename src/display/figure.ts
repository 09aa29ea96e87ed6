import { UserError } from "../runtime/errors.ts";
import type { Json } from "./json.ts";
import { type FigureOptions, finite, layout } from "./layout.ts";
import { color, DASHES, SYMBOLS, translucent } from "./theme.ts";

/** A plotly figure: plain data, shown by `show`, written into reports, edited as the user likes. */
export interface Figure {
  data: { [key: string]: Json }[];
  layout: { [key: string]: Json };
  /** What moves: named changes of data and layout that plotly's buttons and sliders play. */
  frames?: { [key: string]: Json }[];
}

/** A named series of points; `low` and `high` bound a band around it (a confidence interval, say). */
export interface Series {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

function checkLengths(series: Series): void {
  for (const [key, values] of Object.entries({ y: series.y, low: series.low, high: series.high })) {
    if (values !== undefined && values.length !== series.x.length) {
      throw new UserError(
        `series "${series.name}": ${key} has ${values.length} values, x has ${series.x.length}; give one per point`,
      );
    }
  }
}

/** The two hidden borders of a band, filled between. */
function band(series: Series, index: number): Figure["data"] {
  if (series.low === undefined || series.high === undefined) return [];
  const border = {
    type: "scatter",
    mode: "lines",
    name: series.name,
    legendgroup: series.name,
    x: finite(series.x),
    line: { width: 0, color: color(index) },
    showlegend: false,
    hoverinfo: "skip",
  };
  return [
    { ...border, y: finite(series.low) },
    { ...border, y: finite(series.high), fill: "tonexty", fillcolor: translucent(color(index), 0.2) },
  ];
}

/**
 * Lines over a shared x axis, each with an optional band.
 *
 * @example
 * ```ts
 * import { lineFigure } from "./figure.ts";
 * const figure = lineFigure([{ name: "loss", x: [0, 1, 2], y: [1, 0.5, 0.4] }], {
 *   title: "Loss",
 *   x: { label: "step" },
 *   y: { label: "mean squared error" },
 * });
 * console.assert(figure.data.length === 1);
 * ```
 * @throws UserError when a series' lists differ in length.
 */
export function lineFigure(series: Series[], options: FigureOptions): Figure {
  series.forEach(checkLengths);
  const data = series.flatMap((one, i) => [
    ...band(one, i),
    {
      type: "scatter",
      mode: one.x.length <= 60 ? "lines+markers" : "lines",
      name: one.name,
      legendgroup: one.name,
      x: finite(one.x),
      y: finite(one.y),
      line: { color: color(i), width: 2, dash: DASHES[i % DASHES.length]! },
      marker: { symbol: SYMBOLS[i % SYMBOLS.length]!, size: 6 },
    },
  ]);
  return { data, layout: layout(options, series) };
}

/** Clouds of points. Throws UserError when a series' lists differ in length. */
export function scatterFigure(series: Series[], options: FigureOptions): Figure {
  series.forEach(checkLengths);
  const data = series.map((one, i) => ({
    type: "scatter",
    mode: "markers",
    name: one.name,
    x: finite(one.x),
    y: finite(one.y),
    marker: { color: color(i), symbol: SYMBOLS[i % SYMBOLS.length]!, size: 7, opacity: 0.75 },
  }));
  return { data, layout: layout(options, series) };
}

/** Whether a value is a plotly figure. */
export function isFigure(value: unknown): value is Figure {
  if (typeof value !== "object" || value === null) return false;
  const { data, layout } = value as Partial<Figure>;
  return Array.isArray(data) && typeof layout === "object" && layout !== null;
}

function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  const inner = typeof value === "object" && value !== null && !Array.isArray(value) ? value.text : undefined;
  return typeof inner === "string" ? inner : "";
}

/** A figure in one line of words: for terminals, for screen readers, for pages that run no script. */
export function describeFigure(figure: Figure): string {
  const axis = (key: string) => text((figure.layout[key] as { [key: string]: Json } | undefined)?.title);
  const names = figure.data.filter((trace) => trace.hoverinfo !== "skip").map((trace) => text(trace.name));
  const over = [axis("yaxis"), axis("xaxis")].filter(Boolean).join(" over ");
  const listed = names.filter(Boolean).join(", ");
  return `figure "${text(figure.layout.title)}"${over && `: ${over}`}${listed && ` [${listed}]`}`;
}
