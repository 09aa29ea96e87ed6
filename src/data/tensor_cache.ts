import * as tf from "@tensorflow/tfjs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import type { HostData } from "../weights/dtypes.ts";
import { isWhole, readTensors, writeTensors } from "../weights/safetensors.ts";
import { removeLeftovers } from "../weights/temporary.ts";

type Tensors = Record<string, tf.Tensor>;

/** Tensors kept on disk under keys. */
export interface TensorCache {
  /** Whether there are tensors under a key; what is damaged counts as none, and is told on stderr. */
  has(key: string): Promise<boolean>;
  /**
   * The tensors under a key, float32, the caller's to dispose.
   *
   * @throws UserError if there are none, or the file is damaged
   */
  get(key: string): Promise<Tensors>;
  /** Keeps tensors; they stay the caller's. */
  put(key: string, tensors: Tensors): Promise<void>;
}

/**
 * Opens a cache of tensors in a folder, one safetensors file for each key. A file takes its name only when it is complete
 * and on the disk, so whatever stops a run, what is there is whole; a checksum shows what is damaged later. Several
 * processes may share a cache.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { cacheKey, openTensorCache } from "./tensor_cache.ts";
 * await tf.setBackend("cpu");
 * const folder = await Deno.makeTempDir(), cache = await openTensorCache(folder), key = cacheKey("a model", "a photo");
 * await cache.put(key, { x: tf.tensor1d([1, 2]) });
 * console.log(await cache.has(key), (await cache.get(key)).x!.arraySync()); // true [ 1, 2 ]
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @throws UserError when the folder cannot be made
 */
export async function openTensorCache(folder: string): Promise<TensorCache> {
  await makeFolder(folder);
  await removeLeftovers(folder, { below: true });
  const fileOf = (key: string) => join(folder, key.slice(0, 2), `${key}.safetensors`);
  return {
    has: (key) => isWhole(fileOf(key)),
    async get(key) {
      const tensors = await readTensors(fileOf(key));
      return Object.fromEntries(
        Object.entries(tensors).map((
          [name, { data, shape }],
        ) => [name, tf.tensor(data, [...shape], "float32")]),
      );
    },
    async put(key, tensors) {
      await makeFolder(join(folder, key.slice(0, 2)));
      const read = async ([name, x]: [string, tf.Tensor]) =>
        [name, { shape: x.shape, data: await x.data() as HostData }] as const;
      await writeTensors(
        fileOf(key),
        Object.fromEntries(await Promise.all(Object.entries(tensors).map(read))),
      );
    },
  };
}

/** The key of what depends on these texts, and on nothing else. */
export function cacheKey(...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    const why = (error as Error).message;
    throw new UserError(`cannot make the cache folder ${folder}: ${why}; choose another one`, {
      cause: error,
    });
  }
}
