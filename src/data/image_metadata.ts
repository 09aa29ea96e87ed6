import { CsvError, parse } from "csv-parse";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { pipeline, Readable } from "node:stream";
import { UserError } from "../runtime/errors.ts";
import { textBlocks } from "../runtime/text_blocks.ts";
import { readBytes } from "../runtime/text_file.ts";
import { cut, quoted } from "../runtime/wording.ts";
import { checkColumns } from "./parquet.ts";

/** What a line of a folder's metadata says of one image. */
export interface ImageRow {
  /** Path of the image below the folder of the metadata. */
  file: string;
  caption?: string;
  label?: string | number;
}

/** What a folder's metadata says. */
export interface Metadata {
  images: ImageRow[];
  /** Columns that are not read. */
  unread: string[];
}

const COLUMNS = ["file_name", "text", "label"];

/** Most bytes of a parquet file, which is read as a whole. */
const MOST_PARQUET = 2 ** 26;

/** Names of a folder's metadata, as in Hugging Face's imagefolder; the first one that is there is read. */
export const METADATA = ["metadata.jsonl", "metadata.csv", "metadata.parquet"] as const;

/**
 * Reads the metadata of a folder of images: `file_name`, and `text` (a caption) and/or `label` (a class's name or number)
 * of each.
 *
 * @param path of a `metadata.jsonl`, `metadata.csv` (with a line of names) or `metadata.parquet`
 * @throws UserError that names file and line (or row) of what is malformed
 */
export async function readMetadata(path: string): Promise<Metadata> {
  const rows = path.endsWith(".parquet")
    ? parquetRows(path)
    : path.endsWith(".csv")
    ? csvRows(path)
    : jsonRows(path);
  const images: ImageRow[] = [], columns = new Set<string>();
  for await (const { where, row } of rows) {
    images.push(imageRow(row, `${path}, ${where}`));
    for (const column in Object(row)) columns.add(column);
  }
  for (const [key, field] of [["caption", "text"], ["label", "label"]] as const) {
    const without = images.find((image) => typeof image[key] !== typeof images[0]![key]);
    if (!without) continue;
    throw new UserError(
      `${path}: "${field}" must be there and of one type in all lines or in none; ` +
        `"${cut(images[0]!.file)}" and "${cut(without.file)}" differ`,
    );
  }
  return { images, unread: [...columns].filter((column) => !COLUMNS.includes(column)) };
}

interface Row {
  where: string;
  row: unknown;
}

async function* jsonRows(path: string): AsyncGenerator<Row> {
  let number = 0;
  for await (const block of textBlocks(path)) {
    const lines = block.split("\n");
    for (const [i, line] of lines.entries()) {
      if (line.trim() === "") continue;
      const where = `line ${number + i + 1}`;
      try {
        yield { where, row: JSON.parse(line) as unknown };
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new UserError(`${path}, ${where}: not JSON: ${error.message}`, { cause: error });
      }
    }
    number += lines.length - 1;
  }
}

async function* csvRows(path: string): AsyncGenerator<Row> {
  const parser = parse({ columns: true, info: true, skip_empty_lines: true, max_record_size: 2 ** 20 });
  const records = pipeline(Readable.from(textBlocks(path)), parser, () => {}) as AsyncIterable<{
    record: Record<string, string>;
    info: { lines: number };
  }>;
  try {
    for await (const { record, info } of records) {
      const { label, ...rest } = record, number = Number(label);
      const row = label === undefined || label === ""
        ? rest
        : { ...rest, label: Number.isInteger(number) ? number : label };
      yield { where: `line ${info.lines}`, row };
    }
  } catch (error) {
    if (error instanceof UserError || !(error instanceof CsvError)) throw error;
    throw new UserError(`${path}: not CSV with a line of names: ${cut(error.message, 200)}`, {
      cause: error,
    });
  }
}

async function* parquetRows(path: string): AsyncGenerator<Row> {
  const bytes = await readBytes(path, MOST_PARQUET);
  let rows: Record<string, unknown>[];
  try {
    const metadata = parquetMetadata(bytes.buffer);
    checkColumns(metadata);
    rows = await parquetReadObjects({ file: bytes.buffer, metadata, compressors });
  } catch (error) {
    throw new UserError(`${path}: not a parquet file that can be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  for (const [i, row] of rows.entries()) yield { where: `row ${i + 1}`, row: plain(row) };
}

/** Whole numbers come as bigint, missing values as null. */
function plain(row: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(row).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === "bigint" ? Number(value) : value]),
  );
}

function imageRow(row: unknown, where: string): ImageRow {
  const { file_name, text: caption, label } = Object(row) as Record<string, unknown>;
  if (typeof file_name !== "string") {
    throw new UserError(`${where}: "file_name" must be a string, got ${quoted(file_name)}`);
  }
  if (caption !== undefined && typeof caption !== "string") {
    throw new UserError(`${where}: "text" must be a string, got ${quoted(caption)}`);
  }
  if (
    label !== undefined && typeof label !== "string" && !(Number.isInteger(label) && label as number >= 0)
  ) {
    throw new UserError(
      `${where}: "label" must be a string or a whole number of at least 0, got ${quoted(label)}`,
    );
  }
  return {
    file: file_name.replaceAll("\\", "/").replace(/^\.\//, ""),
    caption,
    label: label as string | number | undefined,
  };
}
