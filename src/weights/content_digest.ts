/**
 * The checksum that goes with every safetensors file of this project: SHA-256 of the whole file, taken with zeros where its
 * own digits are. They stand first in the header's metadata, so they are written in their place when all else is.
 * @module
 */
import { createHash } from "node:crypto";
import { readAt } from "./read_at.ts";

/** Of the header's metadata. */
export const DIGEST_KEY = "adt_sha256";

const BEFORE = `{"__metadata__":{"${DIGEST_KEY}":"`;
const ZEROS = "0".repeat(64);

/** Where the digits begin, in bytes from the start of the file: after the header's length and the key. */
export const DIGEST_PLACE = 8 + BEFORE.length;

const BLOCK = 1 << 22;

/** A header's JSON with zeros for the digest. */
export function headerJson(metadata: Record<string, string>, entries: Record<string, unknown>): string {
  const members = (value: object) => JSON.stringify(value).slice(1, -1);
  const others = (value: object) => Object.keys(value).length > 0 ? `,${members(value)}` : "";
  return `${BEFORE}${ZEROS}"${others(metadata)}}${others(entries)}}`;
}

/** The digest that the text of a header has in its place; none where another program wrote the header. */
export function digestIn(header: string): string | undefined {
  const place = BEFORE.length + ZEROS.length;
  return header.startsWith(BEFORE) && header[place] === '"' ? header.slice(BEFORE.length, place) : undefined;
}

/** Takes a file's bytes in order. */
export function digestHasher() {
  const hash = createHash("sha256");
  return {
    update(bytes: Uint8Array): void {
      for (let at = 0; at < bytes.length; at += BLOCK) hash.update(bytes.subarray(at, at + BLOCK));
    },
    digest: () => hash.digest("hex"),
  };
}

/** The digest that a file with one should have; reads all of it, a block at a time. */
export async function contentDigest(file: Deno.FsFile, path: string): Promise<string> {
  const { size } = await file.stat(), hasher = digestHasher();
  for (let at = 0; at < size; at += BLOCK) {
    const block = await readAt(file, at, Math.min(BLOCK, size - at), path);
    if (at === 0) block.set(new TextEncoder().encode(ZEROS), DIGEST_PLACE);
    hasher.update(block);
  }
  return hasher.digest();
}
