import type * as tf from "@tensorflow/tfjs";

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

/** A tensor in one line: shape, type, range, mean, and how many values are not finite. Reads the tensor. */
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
  return `${head}: ${formatNumber(low)} … ${formatNumber(high)}, mean ${formatNumber(sum / count)}${warning}`;
}
