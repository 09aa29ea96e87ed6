import assert from "node:assert/strict";
import { createSchedule } from "../../../src/runtime/tensorflow/schedule.ts";

Deno.test("an op whose inputs are all old waits for one shortly before it; others wait for nothing", () => {
  const schedule = createSchedule();
  for (let i = 100n; i < 200n; i++) schedule.add(i);
  assert.equal(schedule.waitFor([110n]), 176n); // 24 ops back
  assert.equal(schedule.waitFor([110n, 120n]), 176n);
  assert.equal(schedule.waitFor([5n]), 176n); // a placeholder: older than every op
  assert.equal(schedule.waitFor([110n, 190n]), undefined);
  assert.equal(schedule.waitFor([152n]), undefined);
  assert.equal(schedule.waitFor([]), undefined); // a constant
});

Deno.test("at the start of a recording nothing waits", () => {
  const schedule = createSchedule();
  assert.equal(schedule.waitFor([5n]), undefined);
  for (let i = 100n; i < 147n; i++) schedule.add(i);
  assert.equal(schedule.waitFor([100n]), undefined);
});
