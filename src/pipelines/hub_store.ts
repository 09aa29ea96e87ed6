import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isInside } from "../runtime/inside.ts";

/** A file to put into a cache. */
export interface StoredFile {
  /** In the repository. */
  path: string;
  size: number;
  /** Names the content: its SHA-256 for large files, git's SHA-1 for others. */
  hash: string;
}

/** Where the files of a commit are put. */
export interface Place {
  /** The cache of all repositories. */
  cache: string;
  /** The repository's folder in it. */
  folder: string;
  /** The commit's folder in that. */
  snapshot: string;
}

/**
 * Puts a file into a repository's folder of Hugging Face's cache: the content among the `blobs`, written under another name
 * until it is complete and its hash is right, and a link to it in the snapshot (the file itself where links are not
 * allowed). Content that is there already, and is what its name says, is not asked for.
 *
 * @param open gives the content
 * @param onBytes is told how many bytes are written
 * @throws UserError when the content is not as long as it should be or has another hash; nothing of it is kept then; and
 * when a link in the cache leads out of it
 */
export async function storeFile(
  { cache, folder, snapshot }: Place,
  file: StoredFile,
  open: () => Promise<ReadableStream<Uint8Array>>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { path, size, hash } = file, blob = join(folder, "blobs", hash), pointer = join(snapshot, path);
  for (const target of [blob, pointer]) await makeFolder(cache, dirname(target));
  if (!await isWhole(blob, file)) {
    const partial = `${blob}.${crypto.randomUUID()}.incomplete`;
    try {
      const { bytes, hash: found } = await writeStream(partial, await open(), file, onBytes);
      if (bytes !== size) {
        const reason = bytes < size ? "the transfer was cut short, try again" : "the rest was not read";
        throw new UserError(`${path}: got ${bytes} bytes, expected ${size}; ${reason}`);
      }
      if (found !== hash) {
        throw new UserError(
          `${path}: its content has the hash ${found}, expected ${hash}; it is not kept. Try again; if HF_ENDPOINT ` +
            "names a mirror, use another one",
        );
      }
      await Deno.rename(partial, blob);
    } finally {
      await Deno.remove(partial).catch(() => {});
    }
  }
  await Deno.remove(pointer).catch(() => {});
  await Deno.symlink(relative(dirname(pointer), blob), pointer).catch(() => Deno.rename(blob, pointer));
}

/** Whether a file of the snapshot is there with the right content. */
export async function isStored({ cache, snapshot }: Place, file: StoredFile): Promise<boolean> {
  const pointer = join(snapshot, file.path);
  if (!await Deno.stat(pointer).catch(() => undefined) || !await isInside(cache, pointer)) return false;
  return await isWhole(await Deno.realPath(pointer), file);
}

/**
 * Makes a folder of the cache.
 *
 * @throws UserError when it leads out of the cache through a link
 */
export async function makeFolder(cache: string, folder: string): Promise<void> {
  await Deno.mkdir(cache, { recursive: true });
  if (!await isInside(cache, folder)) {
    throw new UserError(
      `${folder} leads out of the cache ${cache} through a link; remove the link, or set HF_HUB_CACHE to another folder`,
    );
  }
  await Deno.mkdir(folder, { recursive: true });
}

/** Whether a path is a file, and no link, with the content of this size and hash. */
async function isWhole(path: string, file: StoredFile): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (!info?.isFile || info.size !== file.size) return false;
  const hash = hashOf(file);
  using content = await Deno.open(path);
  for await (const chunk of content.readable) hash.update(chunk);
  return hash.digest("hex") === file.hash;
}

/** What computes the hash that names a content. */
function hashOf({ hash, size }: StoredFile) {
  return hash.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

/** Writes a stream, no further than its length exceeds the file's. */
async function writeStream(
  path: string,
  content: ReadableStream<Uint8Array>,
  expected: StoredFile,
  onBytes: (bytes: number) => void,
): Promise<{ bytes: number; hash: string }> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const hash = hashOf(expected);
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > expected.size) break;
    hash.update(chunk);
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
    onBytes(bytes);
  }
  return { bytes, hash: hash.digest("hex") };
}
