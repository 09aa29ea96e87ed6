import assert from "node:assert/strict";
import { bytesText, progressText } from "../../src/runtime/progress_line.ts";

Deno.test("bytesText() rounds to the unit that fits", () => {
  assert.deepEqual([1502, 273829956, 2813000000].map(bytesText), ["2 kB", "274 MB", "2.8 GB"]);
});

Deno.test("progressText() tells amounts, percent and the time left", () => {
  assert.equal(progressText("x", 60e6, 240e6, 10), "x: 60 MB of 240 MB (25 %), 30 s left");
});

Deno.test("progressText() tells no time before it can", () => {
  assert.equal(progressText("x", 0, 240e6, 10), "x: 0 kB of 240 MB (0 %)");
  assert.equal(progressText("x", 240e6, 240e6, 0.1), "x: 240 MB of 240 MB (100 %)");
});
