import type * as tf from "@tensorflow/tfjs";
import { barLine, countBins } from "./bins.ts";

/** What one cell of a table may hold. */
export type Cell = string | number | boolean | null | undefined;

/** A table: rows of named cells; columns in the order in which the rows first name them. */
export type Rows = Record<string, Cell>[];

/** A number with four significant digits, integers whole. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** Seconds as "0.4 s", "12 s", "3 min 05 s" or "2 h 07 min". */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** The text of one cell; an absent value is a dash. */
export function formatCell(cell: Cell): string {
  if (cell === undefined || cell === null) return "–";
  return typeof cell === "number" ? formatNumber(cell) : String(cell);
}

/** Whether a value is a table: a list of plain objects that hold nothing but cells. */
export function isRows(value: unknown): value is Rows {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((row) =>
    typeof row === "object" && row !== null && Object.getPrototypeOf(row) === Object.prototype &&
    Object.values(row).every((cell) =>
      cell === null || typeof cell !== "object" && typeof cell !== "function"
    )
  );
}

/** Names of a table's columns. */
export function columnsOf(rows: Rows): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** Whether a column holds numbers, and so is aligned to the right. */
export function isNumeric(rows: Rows, column: string): boolean {
  return rows.some((row) => typeof row[column] === "number") &&
    rows.every((row) => row[column] === undefined || row[column] === null || typeof row[column] === "number");
}

/**
 * A table as aligned text.
 *
 * @example
 * ```ts
 * import { formatTable } from "./text.ts";
 * console.log(formatTable([{ arm: "untuned", fid: 31.42 }, { arm: "ADT", fid: 8 }]));
 * ```
 */
export function formatTable(rows: Rows): string {
  const columns = columnsOf(rows).map((name) => {
    const cells = [name, ...rows.map((row) => formatCell(row[name]))];
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => isNumeric(rows, name) ? cell.padStart(width) : cell.padEnd(width));
  });
  const line = (at: number) => columns.map((cells) => cells[at]!).join("  ").trimEnd();
  const rule = columns.map((cells) => "─".repeat(cells[0]!.length)).join("  ");
  return [line(0), rule, ...rows.map((_, at) => line(at + 1))].join("\n");
}

const HISTOGRAM_BINS = 24;

/**
 * A tensor in one line: shape, type, range, mean, a histogram from the lowest to the highest value, and how many values
 * are not finite. Reads the tensor.
 */
export async function describeTensor(x: tf.Tensor): Promise<string> {
  const head = `tensor [${x.shape.join(", ")}] ${x.dtype}`;
  if (x.dtype === "string" || x.dtype === "complex64" || x.size === 0) return head;
  const values = await x.data();
  if (x.size === 1) return `${head}: ${formatNumber(values[0]!)}`;
  let low = Infinity, high = -Infinity, sum = 0, count = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value), high = Math.max(high, value), sum += value, count++;
  }
  const bad = x.size - count;
  const warning = bad === 0 ? "" : `; ${bad} of ${x.size} not finite`;
  if (count === 0) return head + warning;
  const bars = low === high ? "" : ` ${barLine(countBins(values, low, high, HISTOGRAM_BINS))}`;
  return `${head}: ${formatNumber(low)}${bars} ${formatNumber(high)}, mean ${
    formatNumber(sum / count)
  }${warning}`;
}

/** Whether a value is a configuration: nested plain objects and lists of text, numbers, booleans and null. */
export function isConfig(value: unknown): value is { [key: string]: unknown } {
  return isPlain(value) && Object.values(value).every(isSetting);
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const isSetting = (value: unknown): boolean =>
  value === null || value === undefined || ["string", "number", "boolean"].includes(typeof value) ||
  (Array.isArray(value) ? value.every(isSetting) : isConfig(value));

/** A configuration, one key a line, nested ones indented. */
export function formatConfig(config: { [key: string]: unknown }, indent = ""): string {
  return Object.entries(config).filter(([, value]) => value !== undefined).map(([key, value]) =>
    isConfig(value) && Object.keys(value).length > 0
      ? `${indent}${key}:\n${formatConfig(value, indent + "  ")}`
      : `${indent}${key}: ${formatSetting(value)}`
  ).join("\n");
}

function formatSetting(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatSetting).join(", ")}]`;
  if (isConfig(value)) {
    return `{${Object.entries(value).map(([key, inner]) => ` ${key}: ${formatSetting(inner)}`).join(",")} }`;
  }
  return typeof value === "number" ? formatNumber(value) : String(value);
}
