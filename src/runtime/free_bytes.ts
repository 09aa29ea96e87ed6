import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** The folder of a path that is there already: itself, or the nearest above it. */
export function existingFolder(path: string): string {
  return existsSync(path) ? path : existingFolder(dirname(path));
}

/** Free bytes of the disk that a path is on, or will be. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(existingFolder(path));
  return bavail * bsize;
}
