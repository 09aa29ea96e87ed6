import { encode } from "fast-png";
import { join } from "node:path";
import { imageGrid } from "../display/grid.ts";
import { UserError } from "../runtime/errors.ts";
import { writeAtomically, writeText } from "../weights/atomic_write.ts";
import type { SampledImages } from "./sample_images.ts";
import { checkParentFolder } from "./write_json.ts";

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
  if (isPicture(path)) {
    const columns = Math.min(images.classes, images.labels.length);
    return await writeAtomically(path, [(await imageGrid(images, { columns })).png]);
  }
  const digits = String(images.labels.length - 1).length, lines: string[] = [];
  for (const [i, label] of images.labels.entries()) {
    const name = `${String(i).padStart(digits, "0")}.png`;
    await writeAtomically(join(path, name), [png(images, i)]);
    const { captions } = images, facts = captions ? { text: captions[i] } : { label };
    lines.push(JSON.stringify({ file_name: name, ...facts }) + "\n");
  }
  await writeText(join(path, "metadata.jsonl"), lines.join(""));
}

/** Image `i` as an RGB PNG of 8 bits. */
function png({ data, shape: [, height, width] }: SampledImages, i: number): Uint8Array {
  const size = height * width * 3;
  const pixels = Uint8Array.from(
    data.subarray(i * size, (i + 1) * size),
    (value) => Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5),
  );
  return encode({ width, height, data: pixels, channels: 3 });
}
