import { bundledPath } from "../../data/bundled.ts";

const BUNDLED = "data/";

/** Settings whose bundled files, the paths that begin with `data/`, are found wherever the program is started. */
export async function withBundledPaths<T>(settings: T): Promise<T> {
  return await resolved(settings) as T;
}

async function resolved(value: unknown): Promise<unknown> {
  if (typeof value === "string") {
    return value.startsWith(BUNDLED) ? await bundledPath(value.slice(BUNDLED.length)) : value;
  }
  if (Array.isArray(value)) return await Promise.all(value.map(resolved));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, part]) => [key, await resolved(part)]);
  return Object.fromEntries(await Promise.all(entries));
}
