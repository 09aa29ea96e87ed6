import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../data/manifest.json" with { type: "json" };
import { neededCacheFolder } from "../runtime/cache_folder.ts";
import { UserError } from "../runtime/errors.ts";
import { isFile } from "../runtime/files.ts";
import { progressLine } from "../runtime/progress_line.ts";
import { fileSha256, sha256 } from "../runtime/sha256.ts";
import { writeAtomically } from "../weights/atomic_write.ts";
import { removeLeftovers } from "../weights/temporary.ts";

/** The folder that holds the bundled data and models, wherever this module lies. */
export const dataFolder: URL = new URL("../../data/", import.meta.url);

type Checksum = { path: string; sha256: string };

/**
 * The path of a bundled file or folder. In a checkout that is where it lies. A published package's files are on the web:
 * they are fetched once into the cache folder, with the checksums of the manifest.
 *
 * ```ts
 * import { bundledPath } from "./bundled.ts";
 * console.log(await bundledPath("models/digits-unet")); // …/data/models/digits-unet
 * ```
 *
 * @param path below `data/`, with forward slashes: "models/digits-unet", "digits/labels.json"
 * @throws UserError when it is not in the manifest, cannot be fetched, or comes with another checksum
 */
export async function bundledPath(path: string, folder: URL = dataFolder): Promise<string> {
  if (folder.protocol === "file:") return fileURLToPath(new URL(path, folder));
  const entries = manifest.entries.filter((e) => e.path === path || e.path.startsWith(`${path}/`));
  if (entries.length === 0) throw new UserError(`data/manifest.json has no entry for "${path}"`);
  const cache = join(
    neededCacheFolder(),
    "bundled",
    sha256(new TextEncoder().encode(folder.href)).slice(0, 16),
  );
  const kept = await Promise.all(entries.map((entry) => isKept(join(cache, entry.path), entry)));
  const missing = entries.filter((_, i) => !kept[i]);
  if (missing.length > 0) await fetchAll(missing, folder, cache);
  return join(cache, path);
}

async function isKept(file: string, entry: Checksum): Promise<boolean> {
  return await isFile(file) && await fileSha256(file) === entry.sha256;
}

async function fetchAll(entries: readonly Checksum[], folder: URL, cache: string): Promise<void> {
  await removeLeftovers(cache, { below: true });
  const bar = progressLine("fetching bundled files");
  const sizes = new Map<string, { done: number; total: number }>();
  const sum = (of: "done" | "total") => [...sizes.values()].reduce((n, size) => n + size[of], 0);
  try {
    for (const entry of entries) {
      const bytes = await fetchBytes(new URL(entry.path, folder), cache, (done, total) => {
        sizes.set(entry.path, { done, total });
        bar.update(sum("done"), sum("total"));
      });
      await keep(join(cache, entry.path), bytes, entry, folder);
    }
  } finally {
    bar.end();
  }
}

async function fetchBytes(
  url: URL,
  cache: string,
  onProgress: (done: number, total: number) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let done = 0;
  try {
    const response = await fetch(url);
    if (!response.ok) {
      await response.body?.cancel();
      throw new UserError(`${url} cannot be fetched: status ${response.status}`);
    }
    const total = Number(response.headers.get("content-length") ?? 0);
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      onProgress(done += chunk.length, Math.max(done, total));
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(
      `${url} cannot be fetched: ${error.message}; the network is needed once, then the file is kept in ${cache}`,
      { cause: error },
    );
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Writes a fetched file, whole or not at all. */
async function keep(file: string, bytes: Uint8Array, entry: Checksum, folder: URL): Promise<void> {
  const found = sha256(bytes);
  if (found !== entry.sha256) {
    throw new UserError(
      `${new URL(
        entry.path,
        folder,
      )} is damaged: its SHA-256 is ${found}, the manifest says ${entry.sha256}; try again`,
    );
  }
  await Deno.mkdir(dirname(file), { recursive: true });
  await writeAtomically(file, [bytes]);
}
