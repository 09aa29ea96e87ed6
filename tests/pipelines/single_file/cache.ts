import { join } from "node:path";
import { inTempFolder } from "../../weights/support.ts";

/** Runs `f` with a folder whose `cache` is this project's cache folder for the while. */
export function withCache(f: (folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    const before = Deno.env.get("ADT_CACHE");
    Deno.env.set("ADT_CACHE", join(folder, "cache"));
    try {
      await f(folder);
    } finally {
      if (before === undefined) Deno.env.delete("ADT_CACHE");
      else Deno.env.set("ADT_CACHE", before);
    }
  });
}
