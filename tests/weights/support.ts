import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { DIGEST_KEY } from "../../src/weights/content_digest.ts";

/** Runs `f` with an empty folder, removed afterwards. */
export async function inTempFolder(f: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await f(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Fails unless `f` rejects with a UserError whose message matches all the patterns. */
export async function rejectsWith(f: () => Promise<unknown>, ...patterns: RegExp[]): Promise<void> {
  await assert.rejects(f, (error) => {
    assert.ok(error instanceof UserError, String(error));
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
}

/** Makes a safetensors file one as other programs, and earlier versions, write it: without a checksum. */
export async function withoutDigest(path: string): Promise<void> {
  const bytes = await Deno.readFile(path), view = new DataView(bytes.buffer);
  const dataStart = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, dataStart)));
  delete header.__metadata__[DIGEST_KEY];
  const json = new TextEncoder().encode(JSON.stringify(header));
  const shorter = new Uint8Array(8 + json.length + bytes.length - dataStart);
  new DataView(shorter.buffer).setBigUint64(0, BigInt(json.length), true);
  shorter.set(json, 8);
  shorter.set(bytes.subarray(dataStart), 8 + json.length);
  await Deno.writeFile(path, shorter);
}

/** Flips the last bit of a file. */
export async function damage(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(path, bytes);
}
