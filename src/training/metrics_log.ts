import { UserError } from "../runtime/errors.ts";
import { writeText } from "../weights/atomic_write.ts";

/**
 * One line of the log: anything that JSON can hold, and numbers that are not finite, which are written as "NaN",
 * "Infinity" and "-Infinity".
 */
export interface MetricsRecord {
  /** The update that the record is about. */
  step: number;
  [name: string]: unknown;
}

/** A run's log, open for writing. */
export interface MetricsLog extends Disposable {
  /** Adds a line; it is in the file when the call returns. */
  append(record: MetricsRecord): void;
}

/**
 * Opens a log of one JSON record per line. Records of steps after `lastStep` are dropped first, and a half-written last
 * line: a resumed run writes them again.
 *
 * @throws UserError when the file cannot be written or a line in it is not a record
 */
export async function openMetricsLog(path: string, lastStep = 0): Promise<MetricsLog> {
  const kept = (await readMetrics(path)).filter(({ step }) => step <= lastStep);
  await writeText(path, kept.map(lineOf).join(""));
  const file = await Deno.open(path, { append: true });
  return {
    append(record) {
      const bytes = new TextEncoder().encode(lineOf(record));
      try {
        for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      } catch (error) {
        throw new UserError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
      }
    },
    [Symbol.dispose]: () => file.close(),
  };
}

/**
 * All records of a log, oldest first; none when there is no file. A half-written last line is passed over.
 *
 * @throws UserError that names a line which is not a record
 */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new UserError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const lines = text.split("\n");
  // What follows the last line break is empty, or was cut off.
  return lines.slice(0, -1).map((line, i) => recordOf(line, `${path}, line ${i + 1}`));
}

const NOT_FINITE: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

function lineOf(record: MetricsRecord): string {
  const writable = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify(record, writable) + "\n";
}

function recordOf(line: string, where: string): MetricsRecord {
  let record: unknown;
  try {
    record = JSON.parse(line, (_key, value) => NOT_FINITE.get(value) ?? value);
  } catch (error) {
    throw new UserError(`${where}: not JSON: ${(error as Error).message}; remove the line`, { cause: error });
  }
  if (typeof (record as MetricsRecord | null)?.step === "number") return record as MetricsRecord;
  throw new UserError(`${where}: a record with a number "step" was expected, got ${line}; remove the line`);
}
