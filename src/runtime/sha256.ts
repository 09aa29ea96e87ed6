import { createHash } from "node:crypto";

/** The SHA-256 of a file, in lower-case hexadecimal; reads it as a stream, whatever its size, until the signal stops it. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const block = new Uint8Array(1 << 20);
  for (let n = await file.read(block); n !== null; n = await file.read(block)) {
    hash.update(block.subarray(0, n));
    signal?.throwIfAborted();
  }
  return hash.digest("hex");
}

/** The SHA-256 of bytes, in lower-case hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
