import { dirname, isAbsolute, relative, sep } from "node:path";

/** Whether a path lies in a folder, or is it, by their names alone; both absolute. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Whether what is at a path, or would be written there, lies in a folder, links followed. The folder must be there; of the
 * path, a beginning is enough. A link to nothing counts as outside.
 */
export async function isInside(folder: string, path: string): Promise<boolean> {
  const root = await Deno.realPath(folder);
  for (let there = path;; there = dirname(there)) {
    const info = await Deno.lstat(there).catch(() => undefined);
    if (info) return isBelow(root, await Deno.realPath(there).catch(() => dirname(root)));
    if (there === dirname(there)) return false;
  }
}
