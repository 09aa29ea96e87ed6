import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runWithin } from "../../../src/benchmarks/full_size/run_within.ts";

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
  const outcome = await runWithin("it", script("throw new Error('no such file')"), 2e9);
  assert.equal(outcome.kind, "failed");
  assert.match(outcome.kind === "failed" ? outcome.said : "", /exit code 1.*no such file/s);
});

Deno.test({
  name: "a process of runWithin() ends with the one that started it",
  ignore: Deno.build.os === "windows",
  async fn() {
    const module = new URL("../../../src/benchmarks/full_size/run_within.ts", import.meta.url);
    const child = JSON.stringify(script("console.error(1); setInterval(() => {}, 1000)"));
    const parent = `
import { runWithin } from "${module}";
const spawn = Deno.Command.prototype.spawn;
Deno.Command.prototype.spawn = function () {
  const child = spawn.call(this);
  console.log(child.pid);
  return child;
};
setTimeout(() => Deno.exit(0), 500);
await runWithin("it", ${child}, 2e9);`;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(file, parent);
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const args = ["run", "--quiet", "-A", "--config", config, file];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).output();
    const pid = Number(new TextDecoder().decode(stdout));
    assert.ok(pid > 0);
    await waitUntil(() => !alive(pid));
    await Deno.remove(file);
  },
});

/** Whether a process runs; one that has ended but was not waited for does not. */
function alive(pid: number): boolean {
  const { stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] }).outputSync();
  return /^[^Z\s]/.test(new TextDecoder().decode(stdout).trim());
}

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}
