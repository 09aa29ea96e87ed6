import assert from "node:assert/strict";
import { isStop } from "../../src/runtime/stop.ts";
import { taskCommand } from "../../src/runtime/task_command.ts";
import { withEnvironment } from "./engine/environment.ts";

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

Deno.test("taskCommand() is started as this process was", async () => {
  const npx = `npx -y deno@${Deno.version.deno} task adt`;
  await withEnvironment({ npm_command: "exec" }, () => assert.equal(taskCommand("adt"), npx));
  await withEnvironment({ npm_command: undefined }, () => assert.equal(taskCommand("adt"), "deno task adt"));
});
