import { UserError } from "../runtime/errors.ts";
import { countBins } from "./bins.ts";
import type { Figure } from "./figure.ts";
import type { Json } from "./json.ts";
import { type FigureOptions, finite, layout } from "./layout.ts";
import { color, INK, translucent } from "./theme.ts";

/** Named values, one per category; `low` and `high` bound each (a confidence interval, say). */
export interface BarSeries {
  name: string;
  values: ArrayLike<number>;
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

export interface BarOptions extends FigureOptions {
  /** Whether bars grow to the right, the first category at the top: room for long names. The categories' axis is y then. */
  horizontal?: boolean;
}

function checkLengths({ name, values, low = values, high = values }: BarSeries, categories: string[]): void {
  for (const [key, list] of Object.entries({ values, low, high })) {
    if (list.length === categories.length) continue;
    const given = key === "values" ? "" : ` of "${key}"`;
    throw new UserError(
      `series "${name}" has ${list.length} values${given} for ${categories.length} categories; give one each`,
    );
  }
}

/** Bars that what lies behind or upon them shows through. */
const paleMarker = (index: number) => ({
  color: translucent(color(index), 0.5),
  line: { color: color(index), width: 1 },
});

/** The whiskers of bars, from `low` to `high`. */
function whiskers({ values, low = values, high = values }: BarSeries): Json {
  return {
    type: "data",
    symmetric: false,
    array: finite(Array.from(values, (value, i) => high[i]! - value)),
    arrayminus: finite(Array.from(values, (value, i) => value - low[i]!)),
    color: INK,
  };
}

/** Pixels of a category whose name stands beside its bars, and of what is above and below them. */
const NAME_HEIGHT = 22, FRAME = 130;

/**
 * Bars side by side over categories, with whiskers where there are intervals.
 *
 * @example
 * ```ts
 * import { barFigure } from "./bar_figure.ts";
 * const figure = barFigure(["untuned", "tuned"], [{ name: "FID", values: [5, 4], low: [4, 3], high: [6, 5] }], {
 *   title: "FID",
 *   x: { label: "model" },
 *   y: { label: "FID" },
 * });
 * console.assert(figure.data.length === 1);
 * ```
 * @throws UserError when a series has not one value, or bound, per category.
 */
export function barFigure(categories: string[], series: BarSeries[], options: BarOptions): Figure {
  const { horizontal = false } = options, across = horizontal ? "x" : "y", along = horizontal ? "y" : "x";
  const data = series.map((one, i) => {
    checkLengths(one, categories);
    return {
      type: "bar",
      name: one.name,
      orientation: horizontal ? "h" : "v",
      [along]: categories,
      [across]: finite(one.values),
      ...(one.low
        ? { marker: paleMarker(i), [`error_${across}`]: whiskers(one) }
        : { marker: { color: color(i) } }),
    };
  });
  const common = layout(
    options,
    series.map(({ values }) => horizontal ? { x: values, y: [] } : { y: values }),
  );
  const title = { text: options.y.label, standoff: 12 }; // beside the names, however long they are
  const downwards = { ...common.yaxis as { [key: string]: Json }, title, autorange: "reversed", dtick: 1 };
  const height = Math.max(common.height as number, FRAME + NAME_HEIGHT * categories.length);
  const lying = horizontal && { yaxis: downwards, height }; // every category's name is shown
  return { data, layout: { ...common, barmode: "group", ...lying } };
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
 * import { histogramFigure } from "./bar_figure.ts";
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
    marker: paleMarker(i),
  }));
  return { data, layout: { ...layout(options, data), barmode: "overlay", bargap: 0 } };
}

const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b));
