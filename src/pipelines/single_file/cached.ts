import { basename, join } from "node:path";
import { createHash } from "node:crypto";
import { neededCacheFolder } from "../../runtime/cache_folder.ts";
import { UserError } from "../../runtime/errors.ts";
import { isThere } from "../../runtime/files.ts";
import { withLock } from "../../runtime/lock.ts";
import { type Progress, progressLine } from "../../runtime/progress_line.ts";
import { openSafetensors } from "../../weights/safetensors.ts";
import { convertSingleFile } from "./convert.ts";

/** Part of every entry's key; another one when the conversion changes. */
const VERSION = 1;

/**
 * The folder in diffusers' layout of a single-file checkpoint, in this project's cache folder: converted once, and again
 * when the file or the template changes.
 *
 * @param file of a checkpoint
 * @throws UserError as {@linkcode convertSingleFile}
 */
export async function convertedFolder(
  file: string,
  { configFrom, onProgress }: { configFrom?: string; onProgress?: Progress } = {},
): Promise<string> {
  const parent = join(neededCacheFolder(), "single-file"), key = await identity(file, configFrom);
  const folder = join(parent, `${basename(file, ".safetensors")}-${key.slice(0, 16)}`);
  if (await isThere(folder)) return folder;
  await withLock(`${folder}.lock`, async () => {
    if (await isThere(folder)) return; // by another process, in the meantime
    const line = onProgress ? undefined : progressLine(`converting ${file}, once, to ${folder}`);
    try {
      await convertSingleFile(file, folder, { configFrom, onProgress: onProgress ?? line!.update });
    } finally {
      line?.end();
    }
  });
  return folder;
}

/** Changes with the file's place, size, time and header, and with what lies in the template's folder. */
async function identity(file: string, configFrom?: string): Promise<string> {
  using opened = await openSafetensors(file);
  const stamps = [
    ...await stamp(file),
    [...opened.entries],
    ...configFrom === undefined
      ? []
      : [await Deno.realPath(await folderAt(configFrom)), await stampsIn(configFrom)],
  ];
  return createHash("sha256").update(JSON.stringify([VERSION, stamps])).digest("hex");
}

async function folderAt(path: string): Promise<string> {
  if (await isThere(path)) return path;
  throw new UserError(
    `${path}: there is no such folder; configs are taken from a pipeline in diffusers' layout`,
  );
}

async function stamp(path: string): Promise<unknown[]> {
  const { size, mtime } = await Deno.stat(path);
  return [await Deno.realPath(path), size, mtime?.getTime()];
}

/** Stamps of a pipeline's files: its own, and those of its components' folders. */
async function stampsIn(folder: string, depth = 1): Promise<unknown[]> {
  const stamps: unknown[] = [];
  for (
    const { name } of (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    const path = join(folder, name), info = await Deno.stat(path).catch(() => undefined);
    if (info?.isFile) stamps.push(await stamp(path));
    else if (info?.isDirectory && depth > 0) stamps.push(await stampsIn(path, depth - 1));
  }
  return stamps;
}
