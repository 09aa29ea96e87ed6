import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { openFile } from "../runtime/open_file.ts";
import { cut } from "../runtime/wording.ts";
import { readAt } from "../weights/read_at.ts";
import { isImage } from "./image_formats.ts";
import { oneLine } from "./caption_text.ts";
import type { ImageEntry } from "./image_entry.ts";
import { tarEntries, type TarEntry } from "./tar.ts";

/** Most bytes of a caption, or of what is known of a picture. */
const MOST_TEXT = 2 ** 20;

/** Keys of a picture's JSON that are its caption; the first that is there. */
const CAPTIONS = ["caption", "text"] as const;

/**
 * The pictures of a tar archive in WebDataset's layout: files of one name up to its first point belong together, as `KEY.jpg`
 * with `KEY.txt` (its caption), `KEY.json` (with `caption` or `text`) and `KEY.cls` (the number of its class).
 *
 * @param file the archive, below the folder
 * @throws UserError as `tarEntries`, and for two pictures or a malformed text of one key
 */
export async function tarSamples(folder: string, file: string): Promise<ImageEntry[]> {
  const path = join(folder, file), samples = new Map<string, Record<string, TarEntry>>();
  for (const entry of await tarEntries(path)) {
    const { key, extension } = split(entry.name);
    const sample = samples.get(key) ?? {};
    samples.set(key, sample);
    const kind = isImage(entry.name) ? "image" : extension;
    if (kind === "image" && sample.image) {
      throw new UserError(
        `${path}: two pictures of one key, ${cut(sample.image.name)} and ${cut(entry.name)}`,
      );
    }
    sample[kind] = entry;
  }
  using archive = await openFile(path);
  const textOf = async (entry: TarEntry): Promise<string> => {
    if (entry.size > MOST_TEXT) {
      throw new UserError(
        `${path}: ${cut(entry.name)} has ${entry.size} bytes, at most ${MOST_TEXT} are read`,
      );
    }
    return new TextDecoder().decode(await readAt(archive, entry.offset, entry.size, path)).trim();
  };
  const found: ImageEntry[] = [];
  for (const { image, txt, json, cls } of samples.values()) {
    if (!image) continue;
    const where = json && `${path}: ${cut(json.name)}`;
    const caption = txt
      ? oneLine(await textOf(txt))
      : json
      ? captionIn(await textOf(json), where!)
      : undefined;
    const label = cls ? classOf(await textOf(cls), `${path}: ${cut(cls.name)}`) : undefined;
    found.push({
      file: `${file}/${image.name}`,
      ...caption !== undefined && { caption },
      ...label !== undefined && { label },
      async read() {
        using archive = await openFile(path);
        return await readAt(archive, image.offset, image.size, path);
      },
    });
  }
  return found;
}

/** What comes before the first point of a file's name, with its folder, and what comes after the last one. */
function split(name: string): { key: string; extension: string } {
  const base = name.slice(name.lastIndexOf("/") + 1), point = base.indexOf(".");
  const key = name.slice(0, name.length - base.length) + (point < 0 ? base : base.slice(0, point));
  return { key, extension: base.slice(base.lastIndexOf(".") + 1).toLowerCase() };
}

function captionIn(json: string, where: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UserError(`${where}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  const record = Object(value) as Record<string, unknown>;
  const caption = CAPTIONS.map((key) => record[key]).find((caption) =>
    caption !== undefined && caption !== null
  );
  if (caption === undefined || typeof caption === "string") {
    return caption === undefined ? undefined : oneLine(caption);
  }
  throw new UserError(`${where}: its caption is no text`);
}

function classOf(text: string, where: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError(`${where}: expected the number of a class, got "${cut(text)}"`);
}
