import assert from "node:assert/strict";
import { linesOf } from "../../src/runtime/lines.ts";

const module = new URL("../../src/cli/interrupt.ts", import.meta.url).href;

/** A process that runs a script. */
function evaluated(script: string): Deno.ChildProcess {
  const args = ["eval", "--no-check", script];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" }).spawn();
}

Deno.test({
  name: "after the first Ctrl-C the next one ends the process at once, whatever it is computing",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = evaluated(`import { stopOnInterrupt } from ${JSON.stringify(module)};
        const { signal } = stopOnInterrupt();
        const timer = setInterval(() => {}, 1000);
        signal.addEventListener("abort", () => setTimeout(() => {
          console.log("computing");
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
          clearInterval(timer);
        }));
        console.log("ready");`);
    const lines = linesOf(child.stdout);
    assert.equal((await lines.next()).value, "ready");
    child.kill("SIGINT");
    child.kill("SIGINT"); // the same press, as deno task passes it on
    assert.equal((await lines.next()).value, "computing");
    child.kill("SIGINT");
    assert.equal((await child.status).signal, "SIGINT");
    await lines.return(undefined);
    await child.stderr.cancel();
  },
});

Deno.test({
  name:
    "signals are heard in the middle of a computation: the first is answered, the second ends the process",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = evaluated(`import { stopOnInterrupt } from ${JSON.stringify(module)};
        using interrupt = stopOnInterrupt();
        await new Promise((resolve) => setTimeout(resolve, 2000)); // the worker has started
        console.log("computing");
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);`);
    const lines = linesOf(child.stdout), said = linesOf(child.stderr);
    assert.equal((await lines.next()).value, "computing");
    child.kill("SIGTERM");
    assert.equal((await said.next()).value, "");
    assert.match((await said.next()).value!, /^stopping after this step; Ctrl-C again quits at once/);
    await new Promise((resolve) => setTimeout(resolve, 400)); // longer than one press
    child.kill("SIGINT");
    assert.equal((await child.status).signal, "SIGKILL");
    await lines.return(undefined);
    await said.return(undefined);
  },
});
