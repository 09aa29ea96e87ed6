import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { stepLine } from "../../src/benchmarks/step.ts";
import { fixture } from "../support.ts";

const STEP = fileURLToPath(new URL("../../src/benchmarks/step.ts", import.meta.url));

async function benchStep(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", STEP, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output(), text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("stepLine() is one line of JSON: median time, peak memory, backend", () => {
  const line = stepLine({
    side: "ADT step",
    role: "ours",
    precision: "bfloat16",
    warm_up_s: 3,
    engine: { backend: "tensorflow", description: "TensorFlow 2.21.0 on CPU" },
    repetitions: [],
    wall_ms: { min: 900, median: 1234.56789 },
    cpu_ms: { min: 1, median: 1 },
    peak_mib: 812,
  });
  assert.equal(line, '{"step_ms":1234.57,"peak_mib":812,"backend":"tensorflow"}');
});

Deno.test("bench:step --json prints one line and nothing else on stdout", async () => {
  const args =
    "--json --quick --steps 3 --grad-steps 2 --batch 2 --repeats 1 --backend wasm --precision float32".split(
      " ",
    );
  const { code, stdout, stderr } = await benchStep(...args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^[^\n]+\n$/);
  const { step_ms, peak_mib, backend } = JSON.parse(stdout);
  assert.ok(step_ms > 0 && peak_mib > 10, stdout);
  assert.equal(backend, "wasm");
  assert.match(stderr, /repetition 1 of 1/);
});

Deno.test("bench:step measures a given UNet and backbone", async () => {
  const given = ["--unet", fixture("unet_sd15"), "--backbone", fixture("dinov2")];
  const { code, stdout, stderr } = await benchStep(
    ..."--json --steps 2 --grad-steps 1 --batch 1 --repeats 1 --tokens 4 --backend wasm".split(" "),
    ...given,
  );
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).backend, "wasm");
});

Deno.test("bench:step says what is wrong with a folder, on stderr only", async () => {
  const { code, stdout, stderr } = await benchStep("--json", "--unet", "no-such-folder");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /error: .*no-such-folder/);
});
