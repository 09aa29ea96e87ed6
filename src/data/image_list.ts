import { dirname, isAbsolute, join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { readTextFile } from "../runtime/text_file.ts";
import { listed, quoted } from "../runtime/wording.ts";
import { oneLine } from "./caption_text.ts";
import { findFiles } from "./find_files.ts";
import { isImage, leftOutNote } from "./image_formats.ts";
import { METADATA, readMetadata } from "./image_metadata.ts";
import { fileBelow, refuseLinks, refuseOutside } from "./inside_folder.ts";
import type { ImageEntry, ImageList } from "./image_entry.ts";
import { isShard, listShards, splitPlaces } from "./list_shards.ts";
import { areSplits, chooseSplit } from "./splits.ts";

/** Which images of a folder. */
export interface ListOptions {
  /** `train`, `validation`, `test`, or the name of a split's folder; left out: the only one, or as `preferTrain` says. */
  split?: string | undefined;
  /** Whether a folder with several splits means `train` when no split is named; otherwise that is an error. */
  preferTrain?: boolean;
  /** Whether images may lie outside of the folder, by links or by their paths in metadata; false if not given. */
  outside?: boolean | undefined;
}

/**
 * Lists the images of a folder and of those below it, as Hugging Face's imagefolder does. Subfolders named train,
 * validation or test are splits, of which one is taken. In it (or above it), `metadata.jsonl`, `.csv` or `.parquet` beside
 * the images is the list, with captions and labels; without any, subfolders are classes, and a text file beside an image,
 * `NAME.txt`, is its caption. A folder without images of its own may have them in shards, see `listShards`.
 *
 * @throws UserError when there are no images, for a split that is not there, for malformed metadata (the line is named), and
 * for images that lie outside of the folder without leave
 */
export async function listImages(
  folder: string,
  { split, preferTrain = false, outside = false }: ListOptions = {},
): Promise<ImageList> {
  const { files, irregular, outside: links } = await findFiles(folder, outside),
    images = files.filter(isImage);
  refuseLinks(folder, links);
  const shards = files.filter(isShard);
  if (shards.length > 0 && images.length === 0) {
    return await listShards(folder, shards, { split, preferTrain });
  }
  const { prefix, others } = chooseSplit(folder, images, split, preferTrain);
  const inSplit = (file: string) => file.startsWith(prefix);
  const metadata = metadataOf(files, prefix), onDisk = images.filter(inSplit);
  const notes = [
    others.length ? `the split ${prefix.slice(0, -1)} is read, not ${others.join(", ")}` : undefined,
    shards.length ? `${listed(shards, ", ", 5)} not read: there are images beside` : undefined,
    ...metadata.unused.map((file) => `${file} is not read: there is another one beside it`),
  ];
  let entries: ImageEntry[], named: Set<string>;
  if (metadata.used.length) {
    const lists = await Promise.all(metadata.used.map((file) => readList(folder, file, outside)));
    entries = lists.flatMap(({ entries }) => entries).filter(({ file }) => inSplit(file));
    named = new Set(entries.map(({ file }) => file));
    notes.push(
      ...lists.map(({ note }) => note),
      unlistedNote(onDisk, named),
      captionFilesNote(files, entries, metadata.used),
    );
  } else {
    entries = withClasses(onDisk, prefix, notes);
    named = new Set(onDisk);
    await readCaptionFiles(folder, files, entries, notes);
  }
  const rest = (file: string) => inSplit(file) && !named.has(file);
  notes.push(leftOutNote(files.filter(rest), irregular.filter(rest)));
  if (entries.length === 0) throw noImages(folder, files, irregular);
  return {
    entries,
    ...prefix && { split: prefix.slice(0, -1) },
    notes: notes.filter((note) => note !== undefined),
  };
}

/** Whether a folder's images lie in splits. */
export async function hasSplits(folder: string, outside = false): Promise<boolean> {
  const { files } = await findFiles(folder, outside), images = files.filter(isImage);
  return areSplits(images.length > 0 ? images : splitPlaces(files.filter(isShard)));
}

/** The metadata of a split, or of the whole folder: of each folder the first kind that is there. */
function metadataOf(files: readonly string[], prefix: string): { used: string[]; unused: string[] } {
  const used = new Map<string, string>(), unused: string[] = [];
  for (const kind of METADATA) {
    for (const file of files.filter((file) => file.split("/").at(-1) === kind)) {
      const where = dirname(file);
      if (!file.startsWith(prefix) && where !== ".") continue;
      if (used.has(where)) unused.push(file);
      else used.set(where, file);
    }
  }
  return { used: [...used.values()], unused };
}

/** The images that one file of metadata lists, and a line about columns that are not read. */
async function readList(
  folder: string,
  metadata: string,
  outside: boolean,
): Promise<{ entries: ImageEntry[]; note?: string }> {
  const below = dirname(metadata) === "." ? "" : `${dirname(metadata)}/`;
  const path = join(folder, metadata), { images, unread } = await readMetadata(path);
  for (const image of images) {
    image.file = fileBelow(folder, isAbsolute(image.file) ? image.file : below + image.file);
  }
  if (!outside) await refuseOutside(folder, images.map(({ file }) => file), path);
  if (unread.length === 0) return { entries: images };
  const columns = `${listed(unread.map((column) => quoted(column)), ", ", 5)} in ${metadata}`;
  return { entries: images, note: `not read: ${columns}; captions are "text", classes "label"` };
}

function unlistedNote(images: readonly string[], named: ReadonlySet<string>): string | undefined {
  const unlisted = images.filter((file) => !named.has(file));
  return unlisted.length
    ? `${unlisted.length} image${unlisted.length === 1 ? " is" : "s are"} not in the metadata and left out: ${
      listed(unlisted, ", ", 5)
    }`
    : undefined;
}

/** Most bytes of a caption. */
const MOST_CAPTION = 100_000;

/** Path of the text file beside an image. */
const captionFile = (image: string) => image.replace(/\.[^./]+$/, ".txt");

function captionFilesNote(
  files: readonly string[],
  entries: readonly ImageEntry[],
  metadata: readonly string[],
): string | undefined {
  const there = new Set(files.filter((file) => file.endsWith(".txt")));
  const unused = there.size > 0
    ? entries.map(({ file }) => captionFile(file)).filter((file) => there.has(file))
    : [];
  return unused.length
    ? `${unused.length} text file${unused.length === 1 ? "" : "s"} beside images (${
      listed(unused, ", ", 3)
    }) not read: ${listed(metadata)} says what there is`
    : undefined;
}

/** Subfolders are classes, unless there are images outside of them too. */
function withClasses(images: readonly string[], prefix: string, notes: (string | undefined)[]): ImageEntry[] {
  const below = images.map((file) => file.slice(prefix.length));
  const loose = below.filter((file) => !file.includes("/"));
  const nested = loose.length < below.length;
  if (loose.length && nested) {
    notes.push("images lie both in the folder and in subfolders: all are read, without classes");
  }
  return images.map((file, i) =>
    nested && !loose.length ? { file, label: below[i]!.slice(0, below[i]!.indexOf("/")) } : { file }
  );
}

async function readCaptionFiles(
  folder: string,
  files: readonly string[],
  entries: ImageEntry[],
  notes: (string | undefined)[],
): Promise<void> {
  const there = new Set(files), without: string[] = [];
  for (const entry of entries) {
    const file = captionFile(entry.file);
    if (there.has(file)) {
      entry.caption = oneLine((await readTextFile(join(folder, file), MOST_CAPTION)).trim());
    } else without.push(entry.file);
  }
  if (without.length && without.length < entries.length) {
    for (const entry of entries) delete entry.caption;
    notes.push(
      `captions are not used: ${without.length} of ${entries.length} images have no text file beside them: ${
        listed(without, ", ", 5)
      }`,
    );
  }
}

function noImages(folder: string, files: readonly string[], irregular: readonly string[]): UserError {
  const note = leftOutNote(files, irregular);
  return new UserError(
    `${folder}: no images found; it needs png, jpg, webp, gif, avif or tiff files (in one subfolder per class, or all ` +
      `without classes), a metadata.jsonl, .csv or .parquet that lists them, or shards (.tar, .parquet) that hold them${
        note ? `; ${note}` : ""
      }`,
  );
}
