import assert from "node:assert/strict";
import { startEngine } from "../../../src/runtime/engine/engine.ts";
import { choosePrecision, precisionNamed } from "../../../src/runtime/engine/precision.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { installedTensorflow } from "../../../src/runtime/install/setup.ts";
import { currentPrecision, PRECISIONS } from "../../../src/runtime/precision.ts";
import { runCommand } from "../../../src/runtime/python.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { noLeak, startTestEngine } from "../../support.ts";
import { withEnvironment } from "./environment.ts";

await startTestEngine();
const tensorflow = { ignore: !onTensorflow() };
const ENGINE = new URL("../../../src/runtime/engine/engine.ts", import.meta.url).href;

Deno.test("startEngine() refuses an unknown precision and lists those there are", async () => {
  const refused = (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.equal(
      error.message,
      'Unknown precision "int4"; choose one of float32, bfloat16, float16, auto (by --precision or ADT_PRECISION).',
    );
    return true;
  };
  const before = currentPrecision();
  await assert.rejects(startEngine({ precision: "int4" as "auto" }), refused);
  assert.throws(() => precisionNamed("int4"), refused);
  assert.equal(currentPrecision(), before);
  for (const name of PRECISIONS) assert.equal(precisionNamed(name), name);
});

Deno.test({
  name: "startEngine() switches the precision and keeps the engine; without a name it keeps both",
  ...tensorflow,
  async fn() {
    const before = await startEngine();
    try {
      const low = await startEngine({ precision: "bfloat16" });
      assert.deepEqual(low, { ...before, precision: "bfloat16" });
      assert.equal(currentPrecision(), "bfloat16");
      await withEnvironment(
        { ADT_PRECISION: "nonsense" },
        async () => assert.equal(await startEngine(), low),
      );
    } finally {
      await startEngine({ precision: before.precision });
    }
    assert.equal(currentPrecision(), before.precision);
  },
});

/** Runs a program of its own, with these variables. */
async function run(script: string, env: Record<string, string>, permissions = ["-A"]) {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, `import { startEngine } from ${JSON.stringify(ENGINE)};\n${script}`);
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const args = ["run", "--no-check", "--config", config, ...permissions, file];
  const outcome = await runCommand(Deno.execPath(), args, { ADT_PRECISION: "", ...env });
  await Deno.remove(file);
  assert.ok(outcome.success, outcome.stderr);
  return outcome;
}

Deno.test("on WebAssembly it is float32, which is said once to those who asked for something else", async () => {
  const silent = await run("console.log((await startEngine()).precision);", { ADT_BACKEND: "wasm" });
  assert.deepEqual([silent.stdout, silent.stderr], ["float32\n", ""]);
  const script = `for (const precision of ["bfloat16", "float16", "auto", "bfloat16"]) {
    console.log((await startEngine({ precision })).precision);
  }`;
  const { stdout, stderr } = await run(script, { ADT_BACKEND: "wasm" });
  assert.equal(stdout, "float32\n".repeat(4));
  assert.equal(stderr, "Products are computed in float32: wasm computes in float32 only.\n");
});

Deno.test({
  name: "ADT_PRECISION is the default",
  ...tensorflow,
  async fn() {
    const script = "console.log((await startEngine()).precision);";
    const env = { ADT_BACKEND: "tensorflow", ADT_PRECISION: "bfloat16" };
    assert.equal((await run(script, env)).stdout, "bfloat16\n");
  },
});

Deno.test({
  name: '"auto" measures once and keeps what it measured in the cache',
  ...tensorflow,
  fn: () => noLeak(cached),
});

async function cached(): Promise<void> {
  const folder = await Deno.makeTempDir(), auto = () => choosePrecision("auto", "tensorflow");
  await withEnvironment({ ADT_CACHE: `${folder}/new` }, async () => {
    const measured = await auto();
    assert.match(measured.reason!, /^products were measured: in bfloat16 \d+\.\d times as fast$/);
    const [entry, ...others] = [...Deno.readDirSync(`${folder}/new`)], path = `${folder}/new/${entry!.name}`;
    assert.deepEqual(others, []);
    assert.match(entry!.name, /^precision-[0-9a-f]{16}\.json$/);
    for (
      const [kept, expected] of [
        [{ bfloat16: 2.04 }, ["bfloat16", "products were measured: in bfloat16 2.0 times as fast"]],
        [{ bfloat16: 1.2 }, ["float32", "products were measured: in bfloat16 1.2 times as fast"]],
        [{ bfloat16: 1, float16: 3 }, [
          "float16",
          "products were measured: in bfloat16 1.0 times as fast, in float16 3.0 times as fast",
        ]],
        [{}, ["float32", "no other type works"]],
      ] as const
    ) {
      await Deno.writeTextFile(path, JSON.stringify(kept));
      const { precision, reason } = await auto();
      assert.deepEqual([precision, reason], expected);
    }
    await Deno.writeTextFile(path, "{ not whole");
    await auto();
    assert.ok(JSON.parse(await Deno.readTextFile(path)).bfloat16 > 0, "measured anew");
  });
  await Deno.remove(folder, { recursive: true });
}

Deno.test({
  name: '"auto" works where the cache cannot be written, and with the permissions of a script',
  ...tensorflow,
  async fn() {
    const file = await Deno.makeTempFile();
    const env = { ADT_BACKEND: "tensorflow", ADT_TENSORFLOW_LIB: installedTensorflow()!, ADT_CACHE: file };
    const script = 'console.log((await startEngine({ precision: "auto" })).precision);';
    const { stdout, stderr } = await run(script, env, ["--allow-read", "--allow-env", "--allow-ffi"]);
    assert.match(stdout, /^(float32|bfloat16)\n$/);
    assert.match(stderr, /^Products are computed in \w+: products were measured: /m);
    await Deno.remove(file);
  },
});
