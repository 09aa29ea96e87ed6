/**
 * Checkpoints of a run: one safetensors file each, which holds the tensors and, in its header, everything else as JSON.
 * A file takes its name only when it is complete and on the disk, so a run that is killed while it writes loses nothing. It
 * carries a checksum of all of it, by which every kind of damage is noticed.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { quoted } from "../runtime/wording.ts";
import type { HostData } from "../weights/dtypes.ts";
import { openSafetensors, type SafetensorsFile, writeSafetensors } from "../weights/safetensors.ts";
import type { TensorSource } from "../weights/serialize.ts";
import { removeLeftovers } from "../weights/temporary.ts";
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
  /** Whether it is known to be whole: earlier versions wrote no checksum. */
  verified: boolean;
  /** Newer files that could not be read, each with the reason. */
  skipped: string[];
}

/**
 * Writes a checkpoint and then deletes all but the newest `keep` (default 2) and the `kept` ones. The tensors must live until it is written.
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
 * @param options `kept`: updates done in checkpoints that stay
 * @returns the path of the file
 * @throws UserError when it cannot be written (no space, no permission); older checkpoints are still there then
 */
export async function saveCheckpoint(
  folder: string,
  { step, tensors, state }: Checkpoint,
  { keep = 2, kept = [] }: { keep?: number; kept?: readonly (number | undefined)[] } = {},
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
  await prune(folder, step, keep, kept);
  return path;
}

/** Deletes the checkpoints of later updates than `step`. */
export async function dropCheckpointsAfter(folder: string, step: number): Promise<void> {
  for (const file of await checkpointFiles(folder)) if (file.step > step) await Deno.remove(file.path);
}

/**
 * Reads the newest checkpoint that is whole; what is damaged or no checkpoint is passed over.
 *
 * @param options `faultOf`: why a checkpoint is not one of the caller's run, which passes it over; undefined if it is. `step`: only that
 * of so many updates
 * @returns undefined when the folder is missing or holds no checkpoint
 * @throws UserError when there are checkpoints, but none of them can be read
 */
export async function loadCheckpoint(
  folder: string,
  { faultOf, step: wanted }: {
    faultOf?(checkpoint: Checkpoint): Promise<string | undefined> | string | undefined;
    step?: number | undefined;
  } = {},
): Promise<LoadedCheckpoint | undefined> {
  const skipped: string[] = [];
  for (const { path, step } of await checkpointFiles(folder)) {
    if (wanted !== undefined && step !== wanted) continue;
    try {
      const { verified, ...checkpoint } = await readCheckpoint(path, step);
      const fault = await faultOf?.(checkpoint);
      if (fault === undefined) return { ...checkpoint, verified, path, skipped };
      tf.dispose(checkpoint.tensors);
      throw notOne(path, fault);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      skipped.push(error.message);
    }
  }
  if (skipped.length === 0) return undefined;
  throw new UserError(
    `no checkpoint in ${folder} can be read:\n  ${skipped.join("\n  ")}\n` +
      "Bring back a copy, or delete them to begin again.",
  );
}

async function readCheckpoint(path: string, expected: number): Promise<Checkpoint & { verified: boolean }> {
  using file = await openSafetensors(path);
  await file.verify();
  const { step, state, ...others } = file.metadata, [other] = Object.keys(others);
  if (step === undefined || state === undefined) throw notOne(path, "its header has no step and state");
  // Without a checksum there is nothing else: a damaged name of the checksum is something else.
  if (file.digest === undefined && other !== undefined) {
    throw notOne(path, `its header has no checksum, and ${quoted(other)}`);
  }
  if (step !== String(expected)) throw notOne(path, `by its header it is of step ${quoted(step)}`);
  const parsed = parseState(state, path);
  return { step: expected, tensors: await readAll(file), state: parsed, verified: file.digest !== undefined };
}

async function readAll(file: SafetensorsFile): Promise<Record<string, tf.Tensor>> {
  const tensors: Record<string, tf.Tensor> = {};
  try {
    for (const [name, { dtype, shape }] of file.entries) {
      if (dtype !== "F32" && dtype !== "I32") throw notOne(file.path, `its tensor "${name}" is ${dtype}`);
      const { data } = await file.read(name);
      tensors[name] = tf.tensor(data, [...shape], dtype === "I32" ? "int32" : "float32");
    }
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
  return tensors;
}

function parseState(json: string, path: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw notOne(path, `its state is not JSON (${(error as Error).message})`, error);
  }
}

function notOne(path: string, why: string, cause?: unknown): UserError {
  return new UserError(`${path}: not a checkpoint of this run: ${why}`, { cause });
}

/** Updates done in each checkpoint of a folder, by the files' names, newest first. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  return (await checkpointFiles(folder)).map(({ step }) => step);
}

/** Complete checkpoint files, newest first. */
async function checkpointFiles(folder: string): Promise<{ step: number; path: string }[]> {
  const found: { step: number; path: string }[] = [];
  for (const name of await namesIn(folder)) {
    const match = /^step-(\d+)\.safetensors$/.exec(name);
    if (match) found.push({ step: Number(match[1]), path: join(folder, name) });
  }
  return found.sort((a, b) => b.step - a.step);
}

/**
 * Deletes checkpoints older than the newest `keep`, and what killed runs left half-written. Files of later steps than this
 * one were passed over, or the run would have gone on from them: they take no place. Those of `kept` stay.
 */
async function prune(
  folder: string,
  step: number,
  keep: number,
  kept: readonly (number | undefined)[],
): Promise<void> {
  await removeLeftovers(folder);
  const upToNow = (await checkpointFiles(folder)).filter((file) => file.step <= step);
  const old = upToNow.slice(Math.max(1, keep)).filter((file) => !kept.includes(file.step));
  for (const { path } of old) await Deno.remove(path);
}
