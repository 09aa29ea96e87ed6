import assert from "node:assert/strict";
import { isStop } from "../../src/runtime/stop.ts";

Deno.test("isStop() tells a stop from what went wrong meanwhile", () => {
  const stop = new AbortController(), broken = new Error("the disk is full");
  const aborted = new DOMException("aborted", "AbortError");
  assert.equal(isStop(aborted, stop.signal), false);
  stop.abort();
  assert.deepEqual([stop.signal.reason, aborted, broken].map((error) => isStop(error, stop.signal)), [
    true,
    true,
    false,
  ]);
  assert.equal(isStop(aborted, undefined), false);
});
