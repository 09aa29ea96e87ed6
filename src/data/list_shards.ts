import { UserError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";
import type { ImageEntry, ImageList } from "./image_entry.ts";
import { chooseSplit } from "./splits.ts";
import { parquetSamples } from "./parquet_samples.ts";
import { tarSamples } from "./tar_samples.ts";

/** Whether a file holds many pictures: a tar archive, or a parquet file that is no folder's metadata. */
export function isShard(file: string): boolean {
  return /\.tar$/i.test(file) || /\.parquet$/i.test(file) && !/(^|\/)metadata\.parquet$/.test(file);
}

/**
 * Lists the pictures in a folder's shards. Splits are folders, or what the shards' names begin with, as in Hugging Face's data
 * sets (`train-00000-of-00002.parquet`). Where some pictures have no caption (or class), none counts, which a note says.
 *
 * @throws UserError as `tarSamples`, `parquetSamples` and `chooseSplit`, and when there are no pictures
 */
export async function listShards(
  folder: string,
  shards: readonly string[],
  { split, preferTrain }: { split?: string | undefined; preferTrain: boolean },
): Promise<ImageList> {
  const places = splitPlaces(shards), { prefix, others } = chooseSplit(folder, places, split, preferTrain);
  const wanted = shards.filter((_, i) => places[i]!.startsWith(prefix)), entries: ImageEntry[] = [];
  for (const file of wanted) {
    entries.push(...await (/\.tar$/i.test(file) ? tarSamples(folder, file) : parquetSamples(folder, file)));
  }
  if (entries.length === 0) {
    throw new UserError(`${folder}: there are no pictures in ${listed(wanted, ", ", 5)}`);
  }
  const notes = [
    ...others.length ? [`the split ${prefix.slice(0, -1)} is read, not ${others.join(", ")}`] : [],
    ...keepIfAll(entries, "caption", "captions"),
    ...keepIfAll(entries, "label", "classes"),
  ];
  return { entries, ...prefix && { split: prefix.slice(0, -1) }, notes };
}

/** Paths of the shards with the splits of their names as folders, where all have one. */
export function splitPlaces(shards: readonly string[]): string[] {
  const named = shards.map((file) => /^(?:.*\/)?([a-z]+)-\d+[^/]*$/i.exec(file)?.[1]);
  return named.every((name) => name !== undefined)
    ? shards.map((file, i) => `${named[i]}/${file}`)
    : [...shards];
}

/** Removes what only some pictures have, and says so. */
function keepIfAll(entries: readonly ImageEntry[], key: "caption" | "label", what: string): string[] {
  const without = entries.filter((entry) => entry[key] === undefined);
  if (without.length === 0 || without.length === entries.length) return [];
  for (const entry of entries) delete entry[key];
  const shown = listed(without.map(({ file }) => file), ", ", 5);
  return [`${what} are not used: ${without.length} of ${entries.length} pictures have none: ${shown}`];
}
