/**
 * Names for files and folders that are not complete yet. Each is locked for as long as it is written: the lock belongs to
 * the open file, so the operating system lifts it however the process ends, and what nobody holds is a leftover.
 * @module
 */
import { basename, dirname, join } from "node:path";
import { isThere } from "../runtime/files.ts";

/** Where `path` is made before it takes its name: beside it, under a name that nothing else has. */
export function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.tmp`);
}

/**
 * Keeps `removeLeftovers` away from a temporary file or folder until it is closed; where the file system has no locks,
 * nothing is taken for a leftover.
 *
 * @param opened the file or folder at `path`
 * @returns false when it was taken for a leftover in the moment since it was made
 */
export async function holdTemporary(opened: Deno.FsFile, path: string): Promise<boolean> {
  try {
    return await opened.tryLock(true) && await isThere(path);
  } catch {
    return true;
  }
}

export interface Leftovers {
  /** Only those of this file or folder; default: all. */
  of?: string;
  /** Whether to look into the folders below, too. */
  below?: boolean;
}

/** Removes what killed processes left half-written in a folder; what another process is writing stays. */
export async function removeLeftovers(folder: string, { of, below = false }: Leftovers = {}): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  for (const { name, isDirectory } of entries) {
    const path = join(folder, name);
    if (TEMPORARY.test(name)) {
      if (of === undefined || name.startsWith(`.${of}.`)) await removeUnlessHeld(path);
    } else if (below && isDirectory) await removeLeftovers(path, { of, below });
  }
}

/** With a random part, or a process id and a count as earlier versions had it. */
const TEMPORARY = /^\..+\.(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\d+(?:-\d+)?)\.tmp$/;

async function removeUnlessHeld(path: string): Promise<void> {
  try {
    using opened = await Deno.open(path);
    if (await opened.tryLock(true)) await Deno.remove(path, { recursive: true });
  } catch {
    // it is gone, or not this process's to remove
  }
}
