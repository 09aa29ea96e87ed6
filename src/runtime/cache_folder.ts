import { dirname, join } from "node:path";
import { UserError } from "./errors.ts";

/**
 * The folder where downloaded engines are kept, outside the repository: `ADT_CACHE`, or else `adt` in the platform's
 * cache folder (`$XDG_CACHE_HOME` or `~/.cache`; on macOS `~/Library/Caches`; on Windows `%LOCALAPPDATA%`).
 *
 * @throws UserError if no home folder is known and `ADT_CACHE` is not set
 */
export function cacheFolder(): string {
  return Deno.env.get("ADT_CACHE") || join(platformCache(), "adt");
}

/** The same for what cannot do without it. @throws UserError also where a file is in the way */
export function neededCacheFolder(): string {
  const folder = cacheFolder();
  refuseFile(folder);
  return folder;
}

/** Fails where a file stands in the place of a folder or of one above it. */
function refuseFile(folder: string): void {
  for (let there = folder;; there = dirname(there)) {
    const info = infoOf(there);
    if (info?.isDirectory || !info && there === dirname(there)) return;
    if (info) {
      throw new UserError(
        `The cache folder ${folder} cannot be: ${there} is a file. Set ADT_CACHE to a folder.`,
      );
    }
  }
}

function infoOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

function platformCache(): string {
  const [variable, below] = {
    darwin: ["HOME", "Library/Caches"],
    windows: ["LOCALAPPDATA", ""],
  }[Deno.build.os as string] ?? ["HOME", ".cache"];
  const folder = Deno.env.get(variable!);
  if (Deno.env.get("XDG_CACHE_HOME")) return Deno.env.get("XDG_CACHE_HOME")!;
  if (!folder) {
    throw new UserError(`No cache folder is known: ${variable} is not set. Set ADT_CACHE to a folder.`);
  }
  return join(folder, below!);
}
