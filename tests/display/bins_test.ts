import assert from "node:assert/strict";
import { barLine, countBins } from "../../src/display/bins.ts";

Deno.test("countBins() counts both ends of the range, and nothing outside of it", () => {
  assert.deepEqual(countBins([0, 0.4, 0.5, 1, -0.1, 1.1, NaN, Infinity], 0, 1, 2), [2, 2]);
  assert.deepEqual(countBins(Float32Array.from([3, 3, 9]), 3, 9, 3), [2, 0, 1]);
});

Deno.test("barLine() scales to the highest bar; few are seen, none is a gap", () => {
  assert.equal(barLine([1000, 0, 1, 500]), "█ ▁▄");
});
