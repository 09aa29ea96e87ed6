import assert from "node:assert/strict";
import { runWithin } from "../../../src/benchmarks/full_size/run_within.ts";
import { UserError } from "../../../src/runtime/errors.ts";

const script = (text: string) => ({ command: Deno.execPath(), args: ["eval", text] });

Deno.test("runWithin() gives the last line of a process that keeps to its memory", async () => {
  const reply = { seconds: [1.5], peak_bytes: 7, engine: "none", outputs: {} };
  const outcome = await runWithin(
    "it",
    script(`console.log("words"); console.log('${JSON.stringify(reply)}')`),
    2e9,
  );
  assert.equal(outcome.kind, "done");
  assert.deepEqual(outcome.kind === "done" && outcome.reply, reply);
});

Deno.test({
  name: "runWithin() ends a process that takes more memory than it may",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const grow = "const kept = []; setInterval(() => kept.push(new Uint8Array(2e7).fill(1)), 20)";
    const outcome = await runWithin("it", script(grow), 300 * 2 ** 20);
    assert.equal(outcome.kind, "exceeded");
    assert.ok(outcome.ownBytes > 300 * 2 ** 20);
  },
});

Deno.test("runWithin() tells what a process said that failed", async () => {
  await assert.rejects(runWithin("the reader", script("throw new Error('no such file')"), 2e9), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /the reader ended with exit code 1.*no such file/s);
    return true;
  });
});
