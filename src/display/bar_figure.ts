import { UserError } from "../runtime/errors.ts";
import { countBins } from "./bins.ts";
import type { Figure } from "./figure.ts";
import { type FigureOptions, finite, layout } from "./layout.ts";
import { color, translucent } from "./theme.ts";

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
    marker: { color: translucent(color(i), 0.5), line: { color: color(i), width: 1 } },
  }));
  return { data, layout: { ...layout(options, data), barmode: "overlay", bargap: 0 } };
}

const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b));
