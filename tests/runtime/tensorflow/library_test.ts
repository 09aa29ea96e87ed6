import assert from "node:assert/strict";
import { basename } from "node:path";
import { UserError } from "../../../src/runtime/errors.ts";
import { tensorflowFiles } from "../../../src/runtime/install/wheels.ts";
import { firstGpu } from "../../../src/runtime/tensorflow/context.ts";
import { libraryPath } from "../../../src/runtime/tensorflow/library.ts";
import { systemLibraryFile } from "../../../src/runtime/tensorflow/system.ts";

const MACHINES = [
  ["linux", "x86_64", "libtensorflow_cc.so.2", "libtensorflow_framework.so.2", "libc.so.6"],
  ["linux", "aarch64", "libtensorflow_cc.so.2", "libtensorflow_framework.so.2", "libc.so.6"],
  ["darwin", "aarch64", "libtensorflow_cc.2.dylib", "libtensorflow_framework.2.dylib", "libSystem.B.dylib"],
] as const;

for (const [os, arch, library, framework, system] of MACHINES) {
  Deno.test(`on ${os} ${arch} the binding opens ${library}, which the set-up unpacks with what it needs`, () => {
    assert.equal(libraryPath("/cache/tensorflow/", os), `/cache/tensorflow/${library}`);
    assert.equal(systemLibraryFile(os), system);
    for (const cuda of [false, true]) {
      const { entries } = tensorflowFiles(os, arch, cuda)!.wheels[0]!;
      assert.deepEqual(entries.map((entry) => basename(entry)), [library, framework]);
      assert.ok(entries.every((entry) => entry.startsWith("tensorflow/")));
    }
  });
}

Deno.test("on Windows there is no binding, and the error names the other engines", () => {
  assert.throws(
    () => systemLibraryFile("windows"),
    (error) =>
      error instanceof UserError && /windows.*ADT_BACKEND=webgpu or ADT_BACKEND=wasm/.test(error.message),
  );
});

Deno.test("firstGpu() takes the first GPU, whatever else is listed", () => {
  const device = (type: string, index = 0) => ({ name: `/device:${type}:${index}`, type });
  const cpu = device("CPU"), gpus = [device("GPU", 0), device("GPU", 1)] as const;
  assert.equal(firstGpu([]), undefined);
  assert.equal(firstGpu([cpu, device("XLA_CPU"), device("XLA_GPU")]), undefined);
  assert.equal(firstGpu([cpu, ...gpus]), gpus[0]);
});
