import assert from "node:assert/strict";
import { UserError } from "../src/runtime/errors.ts";

/** Most characters of a message. */
const LONGEST = 6000;

/** The error of what is refused, or undefined for a result. Fails for any other error, and for a message that is too long. */
export async function refusalOf(use: () => unknown): Promise<UserError | undefined> {
  try {
    await use();
    return undefined;
  } catch (error) {
    assert.ok(
      error instanceof UserError,
      error instanceof Error ? error.stack ?? error.message : String(error),
    );
    assert.ok(error.message.length < LONGEST, `a message of ${error.message.length} characters`);
    return error;
  }
}

/** Fails unless `use` is refused with a UserError. */
export async function refused(told: string, use: () => unknown): Promise<UserError> {
  return await refusalOf(use) ?? assert.fail(`${told} was accepted`);
}

/** Runs with the warnings on stderr left out. */
export async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { error, warn } = console;
  console.error = console.warn = () => {};
  try {
    return await run();
  } finally {
    Object.assign(console, { error, warn });
  }
}
