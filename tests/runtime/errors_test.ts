import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";

Deno.test("UserError: of a message that is too long both ends stay", () => {
  const { message } = new UserError(`${"x".repeat(1e6)}: not a file`);
  assert.ok(message.length < 5000);
  assert.match(message, /^x+ … x+: not a file$/);
  assert.equal(new UserError("a: expected b").message, "a: expected b");
});
