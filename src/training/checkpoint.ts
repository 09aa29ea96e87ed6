/**
 * Checkpoints of a run: one safetensors file each, which holds the tensors and, in its header, everything else as JSON.
 * A file takes its name only when it is complete and on the disk, so a run that is killed while it writes loses nothing.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import type { HostData } from "../weights/dtypes.ts";
import { openSafetensors, type TensorSource, writeSafetensors } from "../weights/safetensors.ts";
import { namesIn } from "./folder_lock.ts";

/** What a run needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** Updates done. */
  step: number;
  /** Weights, moments, averages, …: float32 or int32, by name. */
  tensors: Record<string, tf.Tensor>;
  /** All that is not a tensor; any value that JSON can hold. */
  state: unknown;
}

/** A checkpoint read from a folder. The caller disposes its tensors. */
export interface LoadedCheckpoint extends Checkpoint {
  path: string;
  /** Newer files that could not be read, each with the reason. */
  skipped: string[];
}

/**
 * Writes a checkpoint and then deletes all but the newest `keep` (default 2). The tensors must live until it is written.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
 * const folder = await Deno.makeTempDir();
 * await saveCheckpoint(folder, { step: 7, tensors: { weights: tf.tensor1d([1, 2]) }, state: { seed: 0 } });
 * const { step, state } = (await loadCheckpoint(folder))!;
 * console.log(step, state); // 7 { seed: 0 }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder where the run keeps its checkpoints; it must exist
 * @returns the path of the file
 * @throws UserError when it cannot be written (no space, no permission); older checkpoints are still there then
 */
export async function saveCheckpoint(
  folder: string,
  { step, tensors, state }: Checkpoint,
  { keep = 2 }: { keep?: number } = {},
): Promise<string> {
  const sources: Record<string, TensorSource> = {};
  for (const [name, x] of Object.entries(tensors)) {
    if (x.dtype !== "float32" && x.dtype !== "int32") {
      throw new TypeError(`checkpoint tensor "${name}" is ${x.dtype}; it must be float32 or int32`);
    }
    const load = async () => await x.data() as HostData;
    sources[name] = { shape: x.shape, dtype: x.dtype === "int32" ? "I32" : "F32", load };
  }
  const path = join(folder, `step-${String(step).padStart(6, "0")}.safetensors`);
  await writeSafetensors(path, sources, { step: String(step), state: JSON.stringify(state) });
  await prune(folder, keep);
  return path;
}

/**
 * Reads the newest checkpoint that is complete; half-written files are passed over.
 *
 * @returns undefined when the folder is missing or holds no checkpoint
 * @throws UserError when there are checkpoints, but none of them can be read
 */
export async function loadCheckpoint(folder: string): Promise<LoadedCheckpoint | undefined> {
  const skipped: string[] = [];
  for (const path of await checkpointFiles(folder)) {
    try {
      return { ...await readCheckpoint(path), path, skipped };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      skipped.push(error.message);
    }
  }
  if (skipped.length === 0) return undefined;
  throw new UserError(`no checkpoint in ${folder} can be read:\n  ${skipped.join("\n  ")}`);
}

async function readCheckpoint(path: string): Promise<Checkpoint> {
  using file = await openSafetensors(path);
  const { step, state } = file.metadata;
  if (step === undefined || state === undefined) throw new UserError(`${path}: not a checkpoint of a run`);
  const tensors: Record<string, tf.Tensor> = {};
  try {
    for (const name of file.entries.keys()) {
      const { data, shape } = await file.read(name);
      tensors[name] = tf.tensor(data, [...shape], data instanceof Int32Array ? "int32" : "float32");
    }
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
  return { step: Number(step), tensors, state: JSON.parse(state) };
}

/** Complete checkpoint files, newest first. */
async function checkpointFiles(folder: string): Promise<string[]> {
  const found: { step: number; path: string }[] = [];
  for (const name of await namesIn(folder)) {
    const match = /^step-(\d+)\.safetensors$/.exec(name);
    if (match) found.push({ step: Number(match[1]), path: join(folder, name) });
  }
  return found.sort((a, b) => b.step - a.step).map(({ path }) => path);
}

/** Deletes old checkpoints, and what killed runs left half-written. */
async function prune(folder: string, keep: number): Promise<void> {
  const halfWritten = (await namesIn(folder)).filter((name) => /^\.step-.*\.tmp$/.test(name));
  const old = (await checkpointFiles(folder)).slice(Math.max(1, keep));
  for (const path of [...halfWritten.map((name) => join(folder, name)), ...old]) await Deno.remove(path);
}
