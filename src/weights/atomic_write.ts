import { UserError } from "../runtime/errors.ts";
import { holdTemporary, temporaryFor } from "./temporary.ts";

/** Bytes that take the place of some that were written before. */
export interface Placed {
  at: number;
  bytes: Uint8Array;
}

/**
 * Writes a file so that a reader, a crash or a full disk never sees half of it: the chunks go to a temporary
 * file in the same folder, which is flushed to the disk and then renamed over `path`.
 *
 * @throws UserError when the folder is missing or not writable or the disk is full; nothing is left behind
 * then.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array | Placed> | AsyncIterable<Uint8Array | Placed>,
): Promise<void> {
  let temporary: string | undefined;
  try {
    using opened = await openTemporary(path);
    temporary = opened.path;
    for await (const chunk of chunks) await writeChunk(opened.file, chunk);
    await opened.file.sync();
    await Deno.rename(temporary, path); // while it is held: it is nobody's leftover
  } catch (error) {
    if (temporary !== undefined) await Deno.remove(temporary).catch(() => {});
    throw explain(error, path);
  }
}

async function openTemporary(path: string): Promise<{ file: Deno.FsFile; path: string } & Disposable> {
  for (;;) {
    const temporary = temporaryFor(path), file = await Deno.open(temporary, { write: true, createNew: true });
    if (await holdTemporary(file, temporary)) {
      return { file, path: temporary, [Symbol.dispose]: () => file.close() };
    }
    file.close();
  }
}

/** Writes a text file in UTF-8, as `writeAtomically`. */
export function writeText(path: string, text: string): Promise<void> {
  return writeAtomically(path, [new TextEncoder().encode(text)]);
}

async function writeChunk(file: Deno.FsFile, chunk: Uint8Array | Placed): Promise<void> {
  if (chunk instanceof Uint8Array) return await writeAll(file, chunk);
  await file.seek(chunk.at, Deno.SeekMode.Start);
  await writeAll(file, chunk.bytes);
  await file.seek(0, Deno.SeekMode.End);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

function explain(error: unknown, path: string): unknown {
  const cannot = (why: string) => new UserError(`cannot write ${path}: ${why}`, { cause: error });
  if (error instanceof Deno.errors.NotFound) return cannot("its folder does not exist; create it first");
  if (error instanceof Deno.errors.PermissionDenied) {
    return cannot("permission denied; choose a writable folder");
  }
  const code = (error as { code?: string } | null)?.code;
  if (code === "ENOSPC") return cannot("no space left on the disk; free some and run again");
  if (code === "EROFS") return cannot("the file system is read-only; choose a writable folder");
  if (code === "EISDIR" || code === "ENOTDIR") {
    return cannot("a folder stands where a file should be, or the reverse");
  }
  return error;
}
