import assert from "node:assert/strict";
import type { Sample } from "./sample.ts";
import { trendOf } from "./trend.ts";

/** A loop of 1000 updates whose memory, in kB, is `resident` of the update, each in `milliseconds` of it. */
function course(change: Partial<Record<keyof Sample, (update: number) => number>>): Sample[] {
  let at = 0;
  return Array.from({ length: 200 }, (_, i) => {
    const update = 5 * (i + 1);
    at += 5 * (change.at?.(update) ?? 10);
    return {
      update,
      resident: change.resident?.(update) ?? 2 ** 19,
      peak: 2 ** 20,
      heap: change.heap?.(update) ?? 2 ** 15,
      tensors: change.tensors?.(update) ?? 7,
      at,
    };
  });
}

Deno.test("trendOf() of a steady loop is flat", () => {
  assert.deepEqual(trendOf(course({})), {
    ...{ updates: 1000, resident: [512, 512, 512], peak: 1024, slope: 0, heapSlope: 0, tensors: 0 },
    milliseconds: [10, 10],
  });
});

Deno.test("trendOf() tells growth, also in stairs, and neither warming up, a saw nor one stair", () => {
  const slope = (resident: (update: number) => number) => trendOf(course({ resident })).slope;
  assert.ok(Math.abs(slope((k) => 36 * k) - 36) < 1e-9);
  assert.ok(Math.abs(slope((k) => 1000 * Math.floor(k / 100)) - 10) < 2);
  assert.equal(slope((k) => 100 * Math.min(k, 400)), 0);
  assert.ok(Math.abs(slope((k) => 200 * (k % 50))) < 1);
  assert.equal(slope((k) => k > 900 ? 8000 : 0), 0);
});

Deno.test("trendOf() tells tensors that are left, growth of the heap, and updates that become slower", () => {
  const { tensors, heapSlope, milliseconds } = trendOf(course({
    tensors: (k) => 7 + k / 5,
    heap: (k) => 3 * k,
    at: (k) => k > 850 ? 11 : 10,
  }));
  assert.equal(tensors, 199);
  assert.ok(Math.abs(heapSlope - 3) < 1e-9);
  assert.deepEqual(milliseconds.map(Math.round), [10, 11]);
});
