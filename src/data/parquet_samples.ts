import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { openFile } from "../runtime/open_file.ts";
import { bytesText } from "../runtime/progress_line.ts";
import { listed, quoted } from "../runtime/wording.ts";
import { readAt } from "../weights/read_at.ts";
import type { ImageEntry } from "./image_entry.ts";
import { checkColumns } from "./parquet.ts";

/** Names of the column of captions; the first that is there. */
const CAPTIONS = ["text", "caption"] as const;

/** Most bytes of a row group, which is read as a whole. */
const MOST_GROUP = 2 ** 29;

/** Most pictures of a file. */
const MOST_ROWS = 2 ** 22;

/** Row groups of one file that stay in memory. */
const GROUPS = 2;

type Image = { bytes?: Uint8Array; path?: string } | Uint8Array;

/**
 * The pictures of a parquet file in the layout of Hugging Face's data sets: a column `image` with their bytes (alone, or beside their path),
 * `text` or `caption`, and `label`.
 *
 * @param file below the folder
 * @throws UserError for what is no parquet file, has no column of images, or row groups that are too large
 */
export async function parquetSamples(folder: string, file: string): Promise<ImageEntry[]> {
  const path = join(folder, file), buffer = await bufferOf(path);
  const metadata = await readable(path, async () => {
    const metadata = await parquetMetadataAsync(buffer);
    checkColumns(metadata);
    return metadata;
  });
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (!columns.includes("image")) {
    throw new UserError(
      `${path}: there is no column "image" with the bytes of pictures; its columns are ${
        listed(columns, ", ", 10)
      }`,
    );
  }
  checkGroups(path, metadata);
  const caption = CAPTIONS.find((name) => columns.includes(name)), label = columns.includes("label");
  const known = [...caption ? [caption] : [], ...label ? ["label"] : []];
  const rows = known.length > 0
    ? await readable(path, () => parquetReadObjects({ file: buffer, metadata, compressors, columns: known }))
    : [];
  const group = cached((g: number) => readGroup(path, buffer, metadata, g), GROUPS),
    entries: ImageEntry[] = [];
  let first = 0;
  for (const [g, { num_rows }] of metadata.row_groups.entries()) {
    for (let i = 0; i < Number(num_rows); i++) {
      const row = rows[first + i] ?? {}, at = `${path}, row ${first + i + 1}`;
      entries.push({
        file: `${file}/row-${first + i + 1}`,
        ...caption && { caption: textIn(row[caption], `${at}: "${caption}"`) },
        ...label && { label: labelIn(row.label, at) },
        read: async () => imageIn((await group(g))[i]?.image as Image, at),
      });
    }
    first += Number(num_rows);
  }
  return entries;
}

function readGroup(path: string, file: AsyncBuffer, metadata: FileMetaData, g: number) {
  const rowStart = metadata.row_groups.slice(0, g).reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
  const rowEnd = rowStart + Number(metadata.row_groups[g]!.num_rows),
    options = { rowStart, rowEnd, columns: ["image"] };
  return readable(path, () => parquetReadObjects({ file, metadata, compressors, utf8: false, ...options }));
}

/** Remembers the results of the last few keys. */
function cached<R>(make: (key: number) => Promise<R>, most: number): (key: number) => Promise<R> {
  const kept = new Map<number, Promise<R>>();
  return (key) => {
    const found = kept.get(key) ?? make(key);
    kept.delete(key);
    kept.set(key, found);
    if (kept.size > most) kept.delete(kept.keys().next().value!);
    return found;
  };
}

function checkGroups(path: string, { row_groups }: FileMetaData): void {
  const counts = row_groups.map(({ num_rows }) => Number(num_rows));
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (counts.some((count) => count < 0) || rows > MOST_ROWS) {
    throw new UserError(
      `${path}: its row groups tell of ${counts.join(" + ")} rows, at most ${MOST_ROWS} are read`,
    );
  }
  for (const { columns } of row_groups) {
    const bytes = columns.reduce(
      (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
      0,
    );
    if (bytes <= MOST_GROUP) continue;
    throw new UserError(
      `${path}: a row group has ${bytesText(bytes)}, at most ${
        bytesText(MOST_GROUP)
      } are read at once; write it with smaller ` +
        "row groups (row_group_size of pyarrow's write_table)",
    );
  }
}

async function bufferOf(path: string): Promise<AsyncBuffer> {
  const byteLength = await sizeOf(path);
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const from = start < 0 ? byteLength + start : start;
      using file = await openFile(path);
      return (await readAt(file, from, Math.max(0, end - from), path)).buffer;
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  using file = await openFile(path);
  return (await file.stat()).size;
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: not a parquet file that can be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function textIn(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new UserError(`${where} must be a text, got ${quoted(value)}`);
}

function labelIn(value: unknown, where: string): string | number {
  const label = typeof value === "bigint" ? Number(value) : value;
  if (typeof label === "string" || Number.isInteger(label) && (label as number) >= 0) {
    return label as string | number;
  }
  throw new UserError(
    `${where}: "label" must be a text or a whole number of at least 0, got ${quoted(value)}`,
  );
}

function imageIn(image: Image | undefined, where: string): Uint8Array {
  const bytes = image instanceof Uint8Array ? image : image?.bytes;
  if (bytes instanceof Uint8Array) return bytes;
  throw new Error(`${where} has no bytes of a picture`);
}
