import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";

/** The faults that reading a config lists; fails unless it is refused by a UserError with this heading. */
export function configFaults(heading: string, read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const [first, ...faults] = error.message.split("\n  ");
    assert.equal(first, heading);
    return faults;
  }
  return assert.fail("the configuration was accepted");
}
