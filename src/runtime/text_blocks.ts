import { UserError } from "./errors.ts";
import { openFile } from "./open_file.ts";
import { decodeText } from "./text_file.ts";

/** Bytes that are read at once, and the most of one line. */
const BLOCK = 2 ** 16, LONGEST_LINE = 2 ** 20;

/**
 * The text of a user's file of any length, in blocks of whole lines with their ends. The file must be UTF-8, as for
 * `readTextFile`.
 *
 * @throws UserError as `readTextFile`, and for a line of more than 1 MB
 */
export async function* textBlocks(path: string): AsyncGenerator<string> {
  using file = await openFile(path);
  const buffer = new Uint8Array(BLOCK);
  let rest = new Uint8Array(0), line = 1;
  for (let read: number | null; (read = await file.read(buffer)) !== null;) {
    const end = buffer.lastIndexOf(10, read - 1) + 1;
    if (rest.length + read > LONGEST_LINE) throw new UserError(`${path}: line ${line} is too long`);
    if (end === 0) {
      rest = joined(rest, buffer.subarray(0, read));
      continue;
    }
    const bytes = joined(rest, buffer.subarray(0, end));
    rest = buffer.slice(end, read);
    yield decodeText(bytes, path, line);
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) line++;
  }
  if (rest.length > 0) yield decodeText(rest, path, line);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
