import { UserError } from "../runtime/errors.ts";
import { countBins } from "./bins.ts";
import { formatNumber } from "./text.ts";
import { color, DASHES, SYMBOLS, themedAxis, themedLayout, translucent } from "./theme.ts";

/** Any value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A plotly figure: plain data, shown by `show`, written into reports, edited as the user likes. */
export interface Figure {
  data: { [key: string]: Json }[];
  layout: { [key: string]: Json };
}

/** One axis: what it measures, in which unit, on which scale. */
export interface Axis {
  label: string;
  unit?: string;
  log?: boolean;
}

export interface FigureOptions {
  title: string;
  x: Axis;
  y: Axis;
}

/** A named series of points; `low` and `high` bound a band around it (a confidence interval, say). */
export interface Series {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

/** JSON has no NaN and no infinity; plotly shows null as a gap. */
function finite(values: ArrayLike<number>): (number | null)[] {
  return Array.from(values, (value) => Number.isFinite(value) ? value : null);
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

/** What is drawn along an axis. */
type Extent = { x?: ArrayLike<number>; y: ArrayLike<number> }[];

function layout({ title, x, y }: FigureOptions, drawn: Extent): { [key: string]: Json } {
  const axis = (options: Axis, values: (ArrayLike<number> | undefined)[]) => ({
    ...themedAxis(options),
    ...(options.log && logTicks(values.flatMap((some) => Array.from(some ?? [])))),
  });
  return {
    ...themedLayout(title, drawn.length > 1),
    xaxis: axis(x, drawn.map(({ x }) => x)),
    yaxis: axis(y, drawn.map(({ y }) => y)),
  };
}

/** Ticks of a logarithmic axis: at 1, 2, 5, 10, 20 … over a short range, at powers of ten over a long one. */
function logTicks(values: number[]): { [key: string]: Json } {
  const logs = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  const low = Math.floor(logs.reduce((a, b) => Math.min(a, b), Infinity));
  const high = Math.ceil(logs.reduce((a, b) => Math.max(a, b), -Infinity));
  if (!(high - low <= 4)) return { dtick: 1 };
  const decades = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const tickvals = decades.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  return { tickvals, ticktext: tickvals.map(formatNumber) };
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

/** Named values, one per category; `error` is the half-width of an interval. */
export interface BarSeries {
  name: string;
  values: ArrayLike<number>;
  error?: ArrayLike<number>;
}

/** Bars side by side over categories. Throws UserError when a series has not one value per category. */
export function barFigure(categories: string[], series: BarSeries[], options: FigureOptions): Figure {
  const data = series.map((one, i) => {
    if (one.values.length !== categories.length) {
      throw new UserError(
        `series "${one.name}" has ${one.values.length} values for ${categories.length} categories; give one each`,
      );
    }
    return {
      type: "bar",
      name: one.name,
      x: categories,
      y: finite(one.values),
      marker: { color: color(i) },
      ...(one.error && { error_y: { type: "data", array: finite(one.error), color: "#767676" } }),
    };
  });
  return {
    data,
    layout: { ...layout(options, series.map(({ values }) => ({ y: values }))), barmode: "group" },
  };
}

/** Named numbers whose distribution is shown. */
export interface Sample {
  name: string;
  values: ArrayLike<number>;
}

const BINS = 30;

/**
 * Histograms over one another: the share of each sample's values that falls into each of 30 equal parts of their common
 * range. Values that are not finite are left out.
 *
 * @example
 * ```ts
 * import { histogramFigure } from "./figure.ts";
 * const figure = histogramFigure([{ name: "real", values: [1, 2, 2] }, { name: "generated", values: [0, 1] }], {
 *   title: "Scores",
 *   x: { label: "score" },
 *   y: { label: "share" },
 * });
 * console.assert(figure.data.length === 2);
 * ```
 * @throws UserError when a sample has no finite value.
 */
export function histogramFigure(samples: Sample[], options: FigureOptions): Figure {
  const kept = samples.map(({ name, values }) => {
    const finite = Array.from(values).filter(Number.isFinite);
    if (finite.length > 0) return { name, values: finite };
    throw new UserError(`histogramFigure(): "${name}" has no finite value; give at least one`);
  });
  const ends = kept.flatMap(({ values }) => [least(values), -least(values.map((value) => -value))]);
  const low = Math.min(...ends), high = Math.max(...ends), width = (high - low || 1) / BINS;
  const data = kept.map(({ name, values }, i) => ({
    type: "bar",
    name,
    x: Array.from({ length: BINS }, (_, bin) => low + (bin + 0.5) * width),
    y: countBins(values, low, low + BINS * width, BINS).map((count) => count / values.length),
    width,
    marker: { color: translucent(color(i), 0.5), line: { color: color(i), width: 1 } },
  }));
  return { data, layout: { ...layout(options, data), barmode: "overlay", bargap: 0 } };
}

const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b));

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
