import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";

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
