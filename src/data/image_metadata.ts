import { parse } from "csv-parse/sync";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../runtime/errors.ts";
import { readTextFile } from "../runtime/text_file.ts";
import { quoted } from "../runtime/wording.ts";

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
    ? await parquetRows(path)
    : path.endsWith(".csv")
    ? await csvRows(path)
    : await jsonRows(path);
  const images = rows.map(({ where, row }) => imageRow(row, `${path}, ${where}`));
  for (const [key, field] of [["caption", "text"], ["label", "label"]] as const) {
    const without = images.find((image) => typeof image[key] !== typeof images[0]![key]);
    if (!without) continue;
    throw new UserError(
      `${path}: "${field}" must be there and of one type in all lines or in none; ` +
        `"${images[0]!.file}" and "${without.file}" differ`,
    );
  }
  const columns = rows.flatMap(({ row }) => Object.keys(Object(row)));
  return { images, unread: [...new Set(columns)].filter((column) => !COLUMNS.includes(column)) };
}

interface Row {
  where: string;
  row: unknown;
}

async function jsonRows(path: string): Promise<Row[]> {
  return (await readTextFile(path)).split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const where = `line ${i + 1}`;
    try {
      return [{ where, row: JSON.parse(line) as unknown }];
    } catch (error) {
      throw new UserError(`${path}, ${where}: not JSON: ${(error as Error).message}`, { cause: error });
    }
  });
}

async function csvRows(path: string): Promise<Row[]> {
  const text = await readTextFile(path);
  try {
    const records = parse(text, { columns: true, info: true, skip_empty_lines: true }) as unknown as {
      record: Record<string, string>;
      info: { lines: number };
    }[];
    return records.map(({ record, info }) => {
      const { label, ...rest } = record, number = Number(label);
      const row = label === undefined || label === ""
        ? rest
        : { ...rest, label: Number.isInteger(number) ? number : label };
      return { where: `line ${info.lines}`, row };
    });
  } catch (error) {
    throw new UserError(`${path}: not CSV with a line of names: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function parquetRows(path: string): Promise<Row[]> {
  const bytes = await Deno.readFile(path);
  try {
    const rows = await parquetReadObjects({ file: bytes.buffer, compressors });
    return rows.map((row, i) => ({ where: `row ${i + 1}`, row: plain(row) }));
  } catch (error) {
    throw new UserError(`${path}: not a parquet file that can be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
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
