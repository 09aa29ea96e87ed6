import type { Json } from "./json.ts";
import { formatNumber } from "./text.ts";
import { themedAxis, themedLayout } from "./theme.ts";

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

/** What is drawn along an axis. */
type Extent = { x?: ArrayLike<number>; y: ArrayLike<number> }[];

/** The layout of a figure of these series, in the common look. */
export function layout({ title, x, y }: FigureOptions, drawn: Extent): { [key: string]: Json } {
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
  if (logs.length === 0 || high - low > 4) return { dtick: 1 };
  const decades = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const tickvals = decades.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  return { tickvals, ticktext: tickvals.map(formatNumber) };
}

/** JSON has no NaN and no infinity; plotly shows null as a gap. */
export function finite(values: ArrayLike<number>): (number | null)[] {
  return Array.from(values, (value) => Number.isFinite(value) ? value : null);
}
