import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/runtime/errors.ts";
import { namedTensorflow, tensorflowBuild } from "../../../src/runtime/install/setup.ts";
import { tensorflowFiles, type Wheel } from "../../../src/runtime/install/wheels.ts";
import { libraryPath } from "../../../src/runtime/tensorflow/library.ts";
import { withEnvironment } from "../engine/environment.ts";

Deno.test("namedTensorflow() is the folder in ADT_TENSORFLOW_LIB, before the one in TF_LIB_DIR", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(libraryPath(folder), "");
  await withEnvironment({ ADT_TENSORFLOW_LIB: folder, TF_LIB_DIR: "/nowhere" }, () => {
    assert.equal(namedTensorflow(), folder);
  });
  await withEnvironment({ ADT_TENSORFLOW_LIB: undefined, TF_LIB_DIR: undefined }, () => {
    assert.equal(namedTensorflow(), undefined);
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("namedTensorflow() refuses a folder without the library", async () => {
  const folder = await Deno.makeTempDir(), missing = join(folder, "missing");
  await withEnvironment({ ADT_TENSORFLOW_LIB: undefined, TF_LIB_DIR: missing }, () => {
    assert.throws(namedTensorflow, (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.ok(
        error.message.startsWith(`TF_LIB_DIR is ${missing}, where there is no libtensorflow_cc`),
        error.message,
      );
      return true;
    });
  });
  await Deno.remove(folder, { recursive: true });
});

function assertPinned({ requirement, file, sha256, bytes, unpackedBytes, entries }: Wheel): void {
  const [project, version] = requirement.split("==");
  assert.ok(file.startsWith(`${project!.replaceAll("-", "_")}-${version}-`), file);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.ok(bytes > 0 && unpackedBytes > bytes, file);
  assert.ok(entries.length > 0);
}

Deno.test("tensorflowFiles() names every file of every machine by its checksum", () => {
  for (const [os, arch] of [["linux", "x86_64"], ["linux", "aarch64"], ["darwin", "aarch64"]] as const) {
    const files = tensorflowFiles(os, arch, false)!;
    assert.match(files.name, new RegExp(`${os}-${arch}-cpu$`));
    files.wheels.forEach(assertPinned);
    assert.equal(files.wheels.length, 1);
  }
  const cuda = tensorflowFiles("linux", "x86_64", true)!;
  assert.match(cuda.name, /-cuda$/);
  cuda.wheels.forEach(assertPinned);
  assert.equal(cuda.wheels.length, 13);
  assert.equal(new Set(cuda.wheels.map(({ sha256 }) => sha256)).size, 13);
});

Deno.test("tensorflowFiles() has CUDA for Linux on x86-64 only, and nothing for Windows", () => {
  assert.match(tensorflowFiles("linux", "aarch64", true)!.name, /-cpu$/);
  assert.equal(tensorflowFiles("windows", "x86_64", false), undefined);
});

Deno.test("tensorflowBuild() gives CUDA where it exists, and says so where it does not", () => {
  assert.match(tensorflowBuild("cuda", "linux", "x86_64").name, /-cuda$/);
  assert.match(tensorflowBuild("cpu", "linux", "x86_64").name, /-cpu$/);
  assert.match(tensorflowBuild("cpu", "darwin", "aarch64").name, /-cpu$/);
  const noCuda = (error: unknown) =>
    error instanceof UserError &&
    /no CUDA build .* for darwin on aarch64.*without --cuda/.test(error.message);
  assert.throws(() => tensorflowBuild("cuda", "darwin", "aarch64"), noCuda);
  assert.throws(
    () => tensorflowBuild("auto", "windows", "x86_64"),
    /no TensorFlow library for windows on x86_64/,
  );
});
