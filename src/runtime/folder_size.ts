import { join } from "node:path";

/** Bytes in all files below `folder`; files that vanish meanwhile count as nothing. */
export function folderSize(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of Deno.readDirSync(folder)) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory ? folderSize(path) : Deno.lstatSync(path).size;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return bytes;
}

/** Runs `f`, and twice a second tells `report` how many bytes there are below `folder`. */
export async function watchingSize<T>(
  folder: string,
  report: (bytes: number) => void,
  f: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => report(folderSize(folder)), 500);
  try {
    return await f();
  } finally {
    clearInterval(timer);
  }
}
