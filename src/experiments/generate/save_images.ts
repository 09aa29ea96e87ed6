import { encode } from "fast-png";
import { join } from "node:path";
import { imageGrid } from "../../display/grid.ts";
import type { Pixels } from "../../metrics/features/prepare_image.ts";
import { UserError } from "../../runtime/errors.ts";
import { writeAtomically, writeText } from "../../weights/atomic_write.ts";
import { pictureOf } from "../report/grids.ts";
import { checkParentFolder } from "../runs/write_json.ts";
import type { SampledImages } from "./sample_images.ts";

/** Whether images go to one picture of them all (the path ends in .png), or each to its own file in a folder. */
function isPicture(path: string): boolean {
  return path.toLowerCase().endsWith(".png");
}

/**
 * Makes sure, before hours are spent, that images can be written to `path`: the picture's folder is there, or the
 * folder is new or empty.
 *
 * @throws UserError otherwise
 */
export async function checkImageOutput(path: string): Promise<void> {
  if (isPicture(path)) return await checkParentFolder(path);
  let first: string | undefined;
  try {
    await Deno.mkdir(path, { recursive: true });
    for await (const { name } of Deno.readDir(path)) first ??= name;
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(`cannot write images to ${path}: ${reason}; choose another place`, { cause: error });
  }
  if (first !== undefined) {
    throw new UserError(
      `${path} is not empty (it holds "${first}"); choose a new or empty folder for the images`,
    );
  }
}

/**
 * Writes images: to one PNG as a grid with one class a column, or to a folder, each to its own PNG, with the labels or
 * captions in a `metadata.jsonl`, so that `imageFolder` reads it as a data set.
 *
 * @throws UserError when something cannot be written
 */
export async function saveImages(path: string, images: SampledImages): Promise<void> {
  await writeImages(path, images, 0, images.labels.length);
}

/** Saves images while they are made. */
export interface ImageSaver {
  /** Takes all that there are by now, of how many: a folder gets the new ones, a picture is drawn anew now and then. */
  update(soFar: SampledImages, total: number): Promise<void>;
  /** Writes what is not in the file yet; returns how many images there are. */
  done(): Promise<number>;
}

/** Seconds from one drawing of a picture to the next, at least. */
const PICTURE_INTERVAL = 10;

/** {@linkcode saveImages} for images that come one by one. */
export function imageSaver(path: string): ImageSaver {
  let saved = 0, savedAt = -Infinity, latest: { images: SampledImages; total: number } | undefined;
  const count = () => latest?.images.labels.length ?? 0;
  const write = async () => {
    if (latest === undefined || saved === count()) return;
    await writeImages(path, latest.images, saved, latest.total);
    saved = count(), savedAt = performance.now();
  };
  return {
    async update(images, total) {
      latest = { images, total };
      if (!isPicture(path) || performance.now() - savedAt > 1000 * PICTURE_INTERVAL) await write();
    },
    async done() {
      await write();
      return count();
    },
  };
}

/** Writes images of which the first `from` are there already, of how many there will be. */
async function writeImages(path: string, images: SampledImages, from: number, total: number): Promise<void> {
  const { labels, captions } = images;
  if (isPicture(path)) {
    const columns = Math.min(images.classes, labels.length);
    return await writeAtomically(path, [(await imageGrid(images, { columns })).png]);
  }
  const name = (i: number) => fileName(i, total);
  for (let i = from; i < labels.length; i++) {
    await writeAtomically(join(path, name(i)), [png(pictureOf(images, i))]);
  }
  const lines = labels.map((label, i) =>
    JSON.stringify({ file_name: name(i), ...captions ? { text: captions[i] } : { label } }) + "\n"
  );
  await writeText(join(path, "metadata.jsonl"), lines.join(""));
}

function fileName(i: number, total: number): string {
  return `${String(i).padStart(String(total - 1).length, "0")}.png`;
}

/**
 * A folder that gets pictures as they are made, in the layout of {@linkcode saveImages}: what was added is not kept in
 * memory, but for the captions.
 *
 * @param total how many pictures there will be
 */
export function pictureFolder(path: string, total: number): {
  add(pictures: readonly Pixels[], captions: readonly string[]): Promise<void>;
} {
  const lines: string[] = [];
  return {
    async add(pictures, captions) {
      for (const [i, picture] of pictures.entries()) {
        const name = fileName(lines.length, total);
        await writeAtomically(join(path, name), [png(picture)]);
        lines.push(JSON.stringify({ file_name: name, text: captions[i] }) + "\n");
      }
      await writeText(join(path, "metadata.jsonl"), lines.join(""));
    },
  };
}

/** A picture as an RGB PNG. */
const png = (picture: Pixels): Uint8Array => encode({ ...picture, channels: 3 });
