import { dirname, join, relative } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { isThere } from "../runtime/files.ts";

/** A file to put into a cache. */
export interface StoredFile {
  /** In the repository. */
  path: string;
  size: number;
  /** Names the content: its hash in the repository. */
  hash: string;
}

/**
 * Puts a file into a repository's folder of Hugging Face's cache: the content among the `blobs`, written under another name
 * until it is complete, and a link to it in the snapshot (the file itself where links are not allowed). Content that is
 * there already is not asked for.
 *
 * @param snapshot folder of the snapshot, below `folder`
 * @param open gives the content
 * @param onBytes is told how many bytes are written
 * @throws UserError when the content is not as long as it should be
 */
export async function storeFile(
  folder: string,
  snapshot: string,
  { path, size, hash }: StoredFile,
  open: () => Promise<ReadableStream<Uint8Array>>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const blob = join(folder, "blobs", hash), pointer = join(snapshot, path);
  await Deno.mkdir(dirname(blob), { recursive: true });
  await Deno.mkdir(dirname(pointer), { recursive: true });
  if (!await isThere(blob)) {
    const partial = `${blob}.${crypto.randomUUID()}.incomplete`;
    try {
      const bytes = await writeStream(partial, await open(), onBytes);
      if (bytes !== size) {
        throw new UserError(
          `${path}: got ${bytes} bytes, expected ${size}; the transfer was cut short, try again`,
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

async function writeStream(
  path: string,
  content: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<number> {
  using file = await Deno.open(path, { write: true, create: true });
  let bytes = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
    onBytes(bytes += chunk.length);
  }
  return bytes;
}
