import { UserError } from "../runtime/errors.ts";
import { openFile } from "../runtime/open_file.ts";
import { readAt } from "../weights/read_at.ts";

/** A regular file in a tar archive. */
export interface TarEntry {
  /** Path in the archive. */
  name: string;
  /** Where its bytes begin in the archive, and how many they are. */
  offset: number;
  size: number;
}

const BLOCK = 512;
/** Most bytes of an extended header. */
const MOST_EXTENDED = 2 ** 16;
/** Most files of an archive. */
const MOST_ENTRIES = 2 ** 22;

/**
 * Lists the regular files of a tar archive (POSIX ustar and pax, GNU's long names) by its headers alone, so that each can be read where it lies.
 *
 * @throws UserError for what is no tar archive, is compressed, or cut off
 */
export async function tarEntries(path: string): Promise<TarEntry[]> {
  using file = await openFile(path);
  const { size: length } = await file.stat(), entries: TarEntry[] = [];
  const fail = (why: string): never => {
    throw new UserError(`${path}: not a tar archive that can be read: ${why}`);
  };
  if (length > 2 && isGzip(await readAt(file, 0, 2, path))) fail("it is compressed; unpack it by gunzip");
  let at = 0, name: string | undefined, size: number | undefined;
  for (;;) {
    if (at + BLOCK > length) fail(`it is cut off: it has no end after byte ${Math.min(at, length)}`);
    const header = await readAt(file, at, BLOCK, path);
    if (header.every((byte) => byte === 0)) return entries;
    if (!hasChecksum(header)) fail(`there is no header at byte ${at}`);
    const type = String.fromCharCode(header[156]!), stored = numberOf(header.subarray(124, 136));
    const extended = type === "L" || type === "x" || type === "g", bytes = extended ? stored : size ?? stored;
    if (!Number.isSafeInteger(bytes) || bytes < 0) fail(`the header at byte ${at} has no size`);
    const offset = at + BLOCK;
    if (offset + bytes > length) fail(`it is cut off in what begins at byte ${at}`);
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK;
    if (extended) {
      if (bytes > MOST_EXTENDED) fail(`an extended header has ${bytes} bytes`);
      if (type === "g") continue;
      const text = textOf(await readAt(file, offset, bytes, path));
      if (type === "L") name = text;
      else {
        const records = paxRecords(text);
        name = records.path ?? name;
        if (records.size !== undefined) size = Number(records.size);
      }
      continue;
    }
    if (type === "0" || type === "\0") entries.push({ name: name ?? nameOf(header), offset, size: bytes });
    if (entries.length > MOST_ENTRIES) fail(`it has more than ${MOST_ENTRIES} files`);
    name = size = undefined;
  }
}

const isGzip = ([first, second]: Uint8Array) => first === 0x1f && second === 0x8b;

/** Whether the header's sum of bytes is what it says, its own eight counted as spaces. */
function hasChecksum(header: Uint8Array): boolean {
  const sum = header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
  return numberOf(header.subarray(148, 156)) === sum;
}

/** An octal number, or a binary one where the first bit says so. */
function numberOf(field: Uint8Array): number {
  if (field[0]! & 0x80) {
    return field.reduce((value, byte, i) => 256 * value + (i === 0 ? byte & 0x7f : byte), 0);
  }
  const digits = textOf(field).trim();
  return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
}

function nameOf(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100)), isUstar = textOf(header.subarray(257, 262)) === "ustar";
  const prefix = isUstar ? textOf(header.subarray(345, 500)) : "";
  return prefix ? `${prefix}/${name}` : name;
}

/** Text until the first zero. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** "LENGTH KEY=VALUE\n" … */
function paxRecords(text: string): Record<string, string | undefined> {
  const lines = text.split("\n").map((line) => /^\d+ ([^=]+)=(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => match ? [[match[1]!, match[2]!]] : []));
}
