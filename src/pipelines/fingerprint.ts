import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileSha256 } from "../runtime/sha256.ts";

/** Formats that are not read: weights in them beside the safetensors may change without effect. */
const UNREAD = /\.(bin|pt|pth|ckpt|msgpack|h5|onnx|md)$/;

/**
 * One hash of the contents of some of a pipeline's components: configs, weights and tokenizers. It is the same wherever
 * the folder lies, and another one after any change.
 *
 * @param names of the components' folders; those that are not there do not count
 * @returns SHA-256 in hexadecimal
 */
export async function componentsFingerprint(pipeline: string, names: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const name of names) {
    for (const file of await filesOf(join(pipeline, name))) {
      hash.update(`${name}/${file} ${await fileSha256(join(pipeline, name, file))}\n`);
    }
  }
  return hash.digest("hex");
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ name, isDirectory }) => !isDirectory && !UNREAD.test(name)).map(({ name }) =>
      name
    ).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
