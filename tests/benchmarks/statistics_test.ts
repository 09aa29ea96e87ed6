import assert from "node:assert/strict";
import { disagreement, summary } from "../../src/benchmarks/statistics.ts";

Deno.test("summary() gives minimum and median, whatever the order, and leaves the values as they are", () => {
  const values = [4, 1, 9];
  assert.deepEqual(summary(values), { min: 1, median: 4 });
  assert.deepEqual(summary([10, 9, 2, 1]), { min: 1, median: 5.5 });
  assert.deepEqual(summary([7]), { min: 7, median: 7 });
  assert.deepEqual(values, [4, 1, 9]);
});

Deno.test("summary() compares numbers as numbers", () => {
  assert.deepEqual(summary([100, 20, 3]), { min: 3, median: 20 });
});

Deno.test("summary() throws where there are no values", () => {
  assert.throws(() => summary([]), RangeError);
});

Deno.test("disagreement() is the largest difference, as a share of the name's largest magnitude", () => {
  const reference = { loss: [2, -4], output: [100, 0] };
  assert.equal(disagreement(reference, reference), 0);
  assert.equal(disagreement({ loss: [2, -4.4], output: [101, 0] }, reference), 0.1000000000000000888);
});

Deno.test("disagreement() compares only what the reference has", () => {
  assert.equal(disagreement({ loss: [1], more: [5] }, { loss: [1] }), 0);
});

Deno.test("disagreement() is infinite where a name is missing, a length differs or a number is not finite", () => {
  assert.equal(disagreement({}, { loss: [1] }), Infinity);
  assert.equal(disagreement({ loss: [1, 2] }, { loss: [1] }), Infinity);
  assert.equal(disagreement({ loss: [NaN] }, { loss: [1] }), Infinity);
  assert.equal(disagreement({ loss: [1] }, { loss: [0] }), Infinity);
});
