import { basename, dirname, join } from "node:path";
import { UserError } from "../runtime/errors.ts";

let temporaries = 0;

/**
 * Writes a file so that a reader, a crash or a full disk never sees half of it: the chunks go to a temporary
 * file in the same folder, which is flushed to the disk and then renamed over `path`.
 *
 * @throws UserError when the folder is missing or not writable or the disk is full; nothing is left behind
 * then.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${Deno.pid}-${temporaries++}.tmp`);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true });
    for await (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw explain(error, path);
  }
  try {
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw explain(error, path);
  }
}

/** Writes a text file in UTF-8, as `writeAtomically`. */
export function writeText(path: string, text: string): Promise<void> {
  return writeAtomically(path, [new TextEncoder().encode(text)]);
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
