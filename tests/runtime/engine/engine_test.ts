import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { type EngineInfo, startEngine } from "../../../src/runtime/engine/engine.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { runCommand } from "../../../src/runtime/python.ts";
import { withEnvironment } from "./environment.ts";

const ENGINE = new URL("../../../src/runtime/engine/engine.ts", import.meta.url).href;

Deno.test("startEngine() refuses an unknown name and lists the known ones", async () => {
  const refused = (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.equal(
      error.message,
      'Unknown engine "cuda"; choose one of tensorflow, webgpu, wasm, auto (by --backend or ADT_BACKEND).',
    );
    return true;
  };
  await assert.rejects(startEngine({ backend: "cuda" as "wasm" }), refused);
  await withEnvironment({ ADT_BACKEND: "cuda" }, () => assert.rejects(startEngine(), refused));
});

Deno.test("startEngine() starts the engine asked for, and then keeps it", async () => {
  const first = await startEngine({ backend: "wasm" });
  assert.equal(first.backend, "wasm");
  assert.equal(tf.getBackend(), "wasm");
  assert.match(first.description, /^WebAssembly 4\.22/);
  await withEnvironment({ ADT_BACKEND: "nonsense" }, async () => assert.equal(await startEngine(), first));
  assert.equal(await startEngine({ backend: "auto" }), first);
});

Deno.test("startEngine() goes on with the engine from before when another cannot start", async () => {
  const before = await startEngine({ backend: "wasm" });
  await withEnvironment(
    { ADT_TENSORFLOW_LIB: "/nowhere" },
    () =>
      assert.rejects(startEngine({ backend: "tensorflow" }), (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /^The engine "tensorflow" cannot start: ADT_TENSORFLOW_LIB is \/nowhere/);
        assert.match(error.message, /task doctor/);
        return true;
      }),
  );
  assert.equal(await startEngine(), before);
  assert.equal(tf.getBackend(), "wasm");
});

Deno.test("without Python, startEngine() says so in one line and computes on another engine", async () => {
  const cache = await Deno.makeTempDir();
  const script = `import { startEngine } from ${JSON.stringify(ENGINE)};
    console.log(JSON.stringify(await startEngine()));`;
  const { stdout, stderr } = await runCommand(Deno.execPath(), ["eval", script], {
    ADT_BACKEND: "",
    ADT_TENSORFLOW_LIB: "",
    TF_LIB_DIR: "",
    ADT_CACHE: cache,
    ADT_PYTHON: "/nowhere/python3",
  });
  const info: EngineInfo = JSON.parse(stdout);
  assert.notEqual(info.backend, "tensorflow");
  assert.match(info.passedOver[0]!, /^TensorFlow is not available: Python 3 was not found \(looked for/);
  const line = stderr.split("\n").find((line) => line.startsWith(info.passedOver[0]!));
  assert.ok(line?.endsWith(`Computing on ${info.description}, which is slower.`), stderr);
  await Deno.remove(cache, { recursive: true });
});
