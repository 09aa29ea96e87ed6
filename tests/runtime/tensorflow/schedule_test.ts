import assert from "node:assert/strict";
import { createSchedule } from "../../../src/runtime/tensorflow/schedule.ts";

Deno.test("an op whose inputs are all old waits for one shortly before it; others wait for nothing", () => {
  const schedule = createSchedule();
  for (let i = 100n; i < 200n; i++) schedule.add(i);
  assert.equal(schedule.waitFor([110n]), 196n); // 4 ops back
  assert.equal(schedule.waitFor([110n, 120n]), 196n);
  assert.equal(schedule.waitFor([5n]), 196n); // a placeholder: older than every op
  assert.equal(schedule.waitFor([110n, 195n]), undefined);
  assert.equal(schedule.waitFor([192n]), undefined);
  assert.equal(schedule.waitFor([]), undefined); // a constant
});

Deno.test("at the start of a recording nothing waits", () => {
  const schedule = createSchedule();
  assert.equal(schedule.waitFor([5n]), undefined);
  for (let i = 100n; i < 107n; i++) schedule.add(i);
  assert.equal(schedule.waitFor([100n]), undefined);
});
