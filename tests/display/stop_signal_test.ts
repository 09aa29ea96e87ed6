import assert from "node:assert/strict";

const module = new URL("../../src/display/stop_signal.ts", import.meta.url).href;

/** Runs a script that can use `stopSignal` and `ctrlC()`. */
async function run(script: string) {
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      `import { stopSignal } from ${JSON.stringify(module)};
      const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
      const ctrlC = () => (Deno.kill(Deno.pid, "SIGINT"), pause());
      ${script}`,
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { code, signal, text };
}

Deno.test("stopSignal() is aborted by Ctrl-C with a reason that says so; the next signal is fresh", async () => {
  const { code, text } = await run(`
    const signal = stopSignal();
    console.log(signal.aborted);
    await ctrlC();
    console.log(signal.aborted, signal.reason.name, stopSignal().aborted);
    Deno.exit(0);`);
  assert.equal(code, 0, text);
  assert.equal(text, "false\ntrue AbortError false\n");
});

Deno.test({
  name: "stopSignal() in a script leaves the second Ctrl-C its usual effect",
  ignore: Deno.build.os === "windows",
  async fn() {
    const { signal } = await run(`stopSignal(); await ctrlC(); await ctrlC(); console.log("still here");`);
    assert.equal(signal, "SIGINT");
  },
});

Deno.test("stopSignal() keeps no script from ending", async () => {
  const { code } = await run("stopSignal();");
  assert.equal(code, 0);
});
