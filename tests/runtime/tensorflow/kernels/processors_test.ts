// The kernels' tests once more, with kernels built for processors that have narrower registers than this one.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { installedTensorflow } from "../../../../src/runtime/install/setup.ts";
import { runCommand } from "../../../../src/runtime/python.ts";
import { test } from "./accuracy.ts";

const FILES = ["activations", "attention", "cast", "norms"].map((name) =>
  fileURLToPath(new URL(`${name}_test.ts`, import.meta.url))
);

const wide = Deno.build.os === "linux" && (await Deno.readTextFile("/proc/cpuinfo")).includes("avx512f");

if (wide) {
  test("the kernels are right with AVX2's registers", async () => {
    const folder = await Deno.makeTempDir(), compiler = `${folder}/cc`;
    const script = `#!/bin/sh\nexec ${Deno.env.get("CC") || "cc"} "$@" -march=x86-64-v3\n`;
    await Deno.writeTextFile(compiler, script, { mode: 0o755 });
    const { success, stdout, stderr } = await runCommand(
      Deno.execPath(),
      ["test", "--quiet", "--no-check", "-A", ...FILES],
      {
        ADT_BACKEND: "tensorflow",
        ADT_TENSORFLOW_LIB: installedTensorflow()!,
        ADT_CACHE: folder,
        CC: compiler,
        NO_COLOR: "1",
      },
    );
    assert.ok(success, `${stdout}\n${stderr}`);
    assert.match(stdout, /0 failed\b(?!.*ignored)/, "all of them ran");
    await Deno.remove(folder, { recursive: true });
  });
}
