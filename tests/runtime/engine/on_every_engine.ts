/**
 * Runs test files once on each engine of this machine: `deno task test:engines [FILE…]`. Files that are run on
 * WebGPU read values by `await tensor.data()`.
 */
import { fileURLToPath } from "node:url";
import { type Backend, BACKENDS } from "../../../src/runtime/engine/backends.ts";
import { webgpuAdapter } from "../../../src/runtime/engine/webgpu.ts";
import { installedTensorflow } from "../../../src/runtime/install/setup.ts";
import { type Outcome, runCommand } from "../../../src/runtime/python.ts";

/** The tests that must pass on every engine. */
export const PORTABLE = ["gradients_test.ts", "training_test.ts"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url))
);

/** Why an engine cannot be tested here; undefined if it can. */
export async function untestable(backend: Backend): Promise<string | undefined> {
  if (backend === "tensorflow" && !installedTensorflow()) return "not set up (deno task setup)";
  if (backend === "webgpu" && !await webgpuAdapter()) {
    return "no graphics adapter (a software one is enough: apt install mesa-vulkan-drivers)";
  }
}

/**
 * Runs `deno test` on the files in a process of its own, with `ADT_BACKEND` set. On WebGPU one that a signal ends is run
 * once more: Deno's WebGPU on Mesa's software driver, without any library that this project loads, was seen to die at the
 * process's exit, after all tests had passed ("malloc_consolidate(): invalid chunk size", in 1 of 6 runs).
 */
export async function testOn(backend: Backend, files: readonly string[]): Promise<Outcome> {
  const run = () =>
    runCommand(Deno.execPath(), ["test", "--quiet", "-A", ...files], {
      ADT_BACKEND: backend,
      NO_COLOR: "1",
    });
  const outcome = await run();
  return backend === "webgpu" && outcome.signal !== null ? await run() : outcome;
}

if (import.meta.main) {
  let failed = false;
  for (const backend of BACKENDS) {
    const reason = await untestable(backend);
    if (reason) {
      console.log(`${backend}: skipped, ${reason}`);
      continue;
    }
    const { success, stdout, stderr } = await testOn(backend, Deno.args.length ? Deno.args : PORTABLE);
    console.log(`${backend}: ${success ? "passed" : `failed\n${stdout}\n${stderr}`}`);
    failed ||= !success;
  }
  Deno.exit(failed ? 1 : 0);
}
