import fc from "fast-check";
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { quietly, refusalOf } from "../refused.ts";
import { type Input, writeInput } from "./input.ts";
import type { Reader } from "./reader.ts";

/** How many inputs, which ones, and what is done around the reading of each. */
export interface CheckOptions {
  inputs: number;
  seed: number;
  /** Calls `read` once, and may fail for what it sees. */
  watched?(folder: string, read: () => Promise<boolean>): Promise<void>;
}

/**
 * Gives a reader odd files: whatever they hold, there must be a result or a `UserError`, and nothing may be left in the engine.
 *
 * @throws Error that names the seed, the smallest input found that fails (kept in a folder) and what it leads to
 */
export async function checkReader(
  reader: Reader,
  { inputs, seed, watched = async (_, read) => void await read() }: CheckOptions,
): Promise<void> {
  const property = fc.asyncProperty(
    reader.inputs,
    (input) => inFolderOf(input, (folder) => watched(folder, () => readOnce(reader, folder))),
  );
  const result = await quietly(() => fc.check(property, { seed, numRuns: inputs }));
  if (!result.failed) return;
  const kept = await Deno.makeTempDir({ prefix: "adt_fault_" });
  writeInput(kept, result.counterexample![0]);
  const { stack } = result.errorInstance as Error;
  throw new Error(
    `${reader.name}: input ${result.numRuns} of seed ${seed}, made smaller ${result.numShrinks} times, is in ${kept}:\n${stack}`,
  );
}

/** @returns whether the input was refused */
async function readOnce(reader: Reader, folder: string): Promise<boolean> {
  const before = tf.memory().numTensors, refusal = await refusalOf(() => reader.read(folder));
  assert.equal(tf.memory().numTensors, before, "tensors stay in the engine");
  return refusal !== undefined;
}

async function inFolderOf(input: Input, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    writeInput(folder, input);
    await use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
