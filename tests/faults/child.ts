/** A process that gives odd files to one reader: `child.ts READER INPUTS SEED`. It tells its parent what it does, in lines. */
import assert from "node:assert/strict";
import { computedBy } from "./processor_time.ts";
import { startTestEngine } from "../support.ts";
import { beginPeak, residentMemory } from "./memory.ts";
import { checkReader } from "./property.ts";
import { READERS } from "./readers.ts";

/** What a child says, a line of JSON each. */
export type Told =
  | { readonly began: string }
  | { readonly took: number; readonly memory: number; readonly refused: boolean }
  | { readonly fault: string };

/** Most resident memory that a reading may add, in MB. */
export const MOST_MEMORY = 300;

if (import.meta.main) {
  const [name, inputs, seed] = Deno.args, reader = READERS.find((reader) => reader.name === name)!;
  await startTestEngine();
  try {
    await checkReader(reader, { inputs: Number(inputs), seed: Number(seed), watched });
  } catch (error) {
    tell({ fault: (error as Error).message });
  }
  Deno.exit();
}

async function watched(folder: string, read: () => Promise<boolean>): Promise<void> {
  beginPeak();
  const before = residentMemory().now, start = performance.now(), computed = computedBy(Deno.pid);
  tell({ began: folder });
  const refused = await read();
  const took = Math.min(performance.now() - start, computedBy(Deno.pid) - computed);
  const memory = Math.max(0, residentMemory().peak - before);
  tell({ took, memory, refused });
  assert.ok(memory <= MOST_MEMORY, `takes ${Math.round(memory)} MB, more than ${MOST_MEMORY}`);
}

function tell(told: Told): void {
  console.log(JSON.stringify(told));
}
