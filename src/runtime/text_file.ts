import { UserError } from "./errors.ts";
import { openFile } from "./open_file.ts";

/** Bytes at the beginning of a file that tell whether it is a text. */
const HEAD = 1000;

/**
 * The text of a user's file, which must be UTF-8; a byte-order mark is left out.
 *
 * @param most bytes; a larger file is not read
 * @throws UserError that names file and line of the first byte that is not UTF-8, or the encoding that a mark tells, or
 * says that the file is no text (it holds a zero byte near its beginning) or too large; and as `openFile`
 */
export async function readTextFile(path: string, most: number): Promise<string> {
  return decodeText(await readAll(path, most, refuseNoText), path);
}

/** All of a user's file. @throws UserError as `openFile`, and for more than `most` bytes */
export function readBytes(path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  return readAll(path, most, () => {});
}

/** @param check sees the beginning of a file that is too large, and may have something better to say of it */
async function readAll(
  path: string,
  most: number,
  check: (head: Uint8Array, path: string) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await openFile(path);
  const { size } = await file.stat();
  if (size > most) {
    const head = new Uint8Array(HEAD);
    check(head.subarray(0, await file.read(head) ?? 0), path);
    throw new UserError(`${path} has more than ${most} bytes, the most that is read of such a file`);
  }
  const bytes = new Uint8Array(size);
  for (let done = 0, read: number | null; done < size; done += read) {
    read = await file.read(bytes.subarray(done));
    if (read === null) return bytes.subarray(0, done);
  }
  return bytes;
}

/**
 * The same for bytes in memory.
 *
 * @param path names them in errors
 * @param firstLine the line that they begin with, counted from 1
 */
export function decodeText(bytes: Uint8Array, path: string, firstLine = 1): string {
  if (firstLine === 1) refuseNoText(bytes.subarray(0, HEAD), path);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: firstLine > 1 }).decode(bytes);
  } catch (error) {
    throw new UserError(
      `${path}: line ${firstLine - 1 + badLine(bytes)} is not UTF-8 text; save the file as UTF-8`,
      {
        cause: error,
      },
    );
  }
}

function refuseNoText(head: Uint8Array, path: string): void {
  const encoding = foreignMark(head);
  if (encoding) throw new UserError(`${path}: its text is ${encoding}; save it as UTF-8`);
  if (head.includes(0)) throw new UserError(`${path} is no text file; a text in UTF-8 was expected`);
}

function foreignMark([a, b, c, d]: Uint8Array): string | undefined {
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "UTF-32" : "UTF-16";
  if (a === 0xfe && b === 0xff) return "UTF-16";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "UTF-32";
}

/** The first line that is not UTF-8, from 1: no line end is part of a longer character. */
function badLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let line = 1, start = 0;; line++) {
    const end = bytes.indexOf(10, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}
