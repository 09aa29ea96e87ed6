import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UserError } from "../../../src/runtime/errors.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { startTensorflow } from "../../../src/runtime/tensorflow/install.ts";
import { openLibrary } from "../../../src/runtime/tensorflow/library.ts";
import { startTestEngine } from "../../support.ts";
import { untestable } from "../engine/on_every_engine.ts";

await startTestEngine();
const engine = { ignore: !onTensorflow(), sanitizeOps: false, sanitizeResources: false };
const source = (file: string) => new URL(`../../../src/${file}`, import.meta.url).href;

/** Runs a script in a process of its own. */
async function script(code: string, flags: string[], env: Record<string, string> = {}) {
  const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--config",
      config,
      ...flags,
      `data:application/typescript,${encodeURIComponent(code)}`,
    ],
    env,
  });
  const { code: exit, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { exit, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name: "startTensorflow() prints nothing, keeps the user's settings, and the process ends well",
  ...engine,
  async fn() {
    const code = `import { startEngine } from ${JSON.stringify(source("runtime/engine/engine.ts"))};
      await startEngine({ backend: "tensorflow" });
      console.log(["TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL"].map((name) => Deno.env.get(name)).join(" "));`;
    const { exit, stdout, stderr } = await script(code, ["-A"], { TF_CPP_MIN_LOG_LEVEL: "2" });
    assert.deepEqual({ exit, stdout, stderr }, { exit: 0, stdout: "1 2\n", stderr: "" });
  },
});

Deno.test({
  name: "training with compile(), in the background too, needs only --allow-ffi --allow-read --allow-env",
  ...engine,
  async fn() {
    const code = `import * as tf from "@tensorflow/tfjs";
      import { startEngine } from ${JSON.stringify(source("runtime/engine/engine.ts"))};
      import { compile } from ${JSON.stringify(source("tensor/compile.ts"))};
      const { backend } = await startEngine({ backend: "tensorflow" });
      const gradient = compile((x) => tf.grad((x) => tf.matMul(x, x).sum())(x), { xla: true });
      const y = await gradient.async(tf.ones([2, 2]));
      console.log(backend, ...await y.data(), ...gradient(tf.ones([2, 2])).dataSync());`;
    const { exit, stdout, stderr } = await script(code, [
      "--no-prompt",
      "--allow-ffi",
      "--allow-read",
      "--allow-env",
    ]);
    assert.deepEqual({ exit, stdout, stderr }, {
      exit: 0,
      stdout: "tensorflow 4 4 4 4 4 4 4 4\n",
      stderr: "",
    });
  },
});

Deno.test({
  name:
    "TensorFlow loads after WebGPU has been asked for an adapter, whose driver may bring an LLVM of its own",
  ...engine,
  ignore: !onTensorflow() || await untestable("webgpu") !== undefined,
  async fn() {
    const code = `import { startEngine } from ${JSON.stringify(source("runtime/engine/engine.ts"))};
      import { webgpuAdapter } from ${JSON.stringify(source("runtime/engine/webgpu.ts"))};
      console.log(typeof await webgpuAdapter());
      console.log((await startEngine({ backend: "tensorflow" })).backend);`;
    // not the exit code: Mesa's software driver may fail at exit, see testOn()
    assert.equal((await script(code, ["-A"])).stdout, "object\ntensorflow\n");
  },
});

Deno.test("the binding and compile() can be imported where native code is not allowed", async () => {
  const code = `import ${JSON.stringify(source("runtime/tensorflow/install.ts"))};
    import { compile } from ${JSON.stringify(source("tensor/compile.ts"))};
    console.log(typeof compile);`;
  const { exit, stdout, stderr } = await script(code, ["-A", "--deny-ffi"]);
  assert.deepEqual({ exit, stdout, stderr }, { exit: 0, stdout: "function\n", stderr: "" });
});

Deno.test("a folder without TensorFlow is an error that names the file and a way out", () => {
  assert.throws(
    () => openLibrary("/no/such/folder/"),
    (error) =>
      error instanceof UserError && /from \/no\/such\/folder\/libtensorflow_cc/.test(error.message) &&
      /ADT_BACKEND=wasm/.test(error.message),
  );
});

Deno.test({
  name: "startTensorflow() starts once: later calls return what runs",
  ...engine,
  async fn() {
    const info = await startTensorflow("/another/folder");
    assert.match(info.version, /^2\.\d+\.\d+$/);
    assert.ok(info.devices.some(({ type }) => type === "CPU"));
  },
});
