import assert from "node:assert/strict";
import { runCommand } from "../../../../src/runtime/python.ts";
import { installedTensorflow } from "../../../../src/runtime/install/setup.ts";
import { assertClose } from "../../../support.ts";
import { test } from "./accuracy.ts";
import { everyKernel } from "./every_kernel.ts";

const PROGRAM = new URL("every_kernel.ts", import.meta.url).pathname;

/** What a process of its own with these variables and permissions computes, and why it has no kernels. */
async function runWith(env: Record<string, string>, permissions = ["-A"]) {
  const variables = { ADT_BACKEND: "tensorflow", ADT_TENSORFLOW_LIB: installedTensorflow()!, ...env };
  const args = ["run", "--no-check", ...permissions, PROGRAM];
  const { success, stdout, stderr } = await runCommand(Deno.execPath(), args, variables);
  assert.ok(success, stderr);
  return JSON.parse(stdout) as { missing?: string; numbers: number[][] };
}

/** An executable that stands in for the C compiler. */
async function compiler(folder: string, script: string): Promise<string> {
  const path = `${folder}/cc`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

test("without kernels all is computed by TensorFlow's own ops, the same numbers", async () => {
  const { missing, numbers } = await runWith({ ADT_KERNELS: "off" });
  assert.equal(missing, "ADT_KERNELS is off");
  const ours = await everyKernel();
  assert.equal(numbers.length, ours.length);
  ours.forEach((expected, i) =>
    assertClose(numbers[i]!, expected, { relative: i < ours.length / 2 ? 1e-5 : 0.02 })
  );
});

const REASONS: [string, (folder: string) => Promise<Record<string, string>>, RegExp][] = [
  [
    "there is no C compiler",
    (folder) => Promise.resolve({ CC: "/nonexistent/cc", ADT_CACHE: folder }),
    /^the C compiler \/nonexistent\/cc failed: .*No such file/,
  ],
  [
    "the C compiler fails",
    async (folder) => ({
      CC: await compiler(folder, 'echo "kernels.c:1: error: no such thing" >&2; exit 1'),
      ADT_CACHE: folder,
    }),
    /^the C compiler .*cc failed: kernels\.c:1: error: no such thing$/,
  ],
  [
    "the C compiler makes something else",
    async (folder) => ({
      CC: await compiler(folder, 'while [ "$1" != -o ]; do shift; done; echo something >"$2"'),
      ADT_CACHE: folder,
    }),
    /kernels\.so: file too short/,
  ],
  [
    "the cache cannot be written",
    async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "");
      return { ADT_CACHE: `${folder}/file` };
    },
    /mkdir '.*file\/kernels-\w+'/,
  ],
];

for (const [name, variables, reason] of REASONS) {
  test(`where ${name}, everything works and the reason is known`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { missing, numbers } = await runWith(await variables(folder));
      assert.match(missing!, reason);
      assert.ok(numbers.flat().every(Number.isFinite));
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (!isDirectory) continue;
        const left = [...Deno.readDirSync(`${folder}/${name}`)].map((entry) => entry.name);
        assert.deepEqual(left.filter((name) => name !== "kernels.so"), [], "work folders are removed");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

test("with the permissions of a script, kernels that were built before are used, and none are built", async () => {
  const permissions = ["--allow-read", "--allow-env", "--allow-ffi"], cache = await Deno.makeTempDir();
  const missing = async (env: Record<string, string>) => (await runWith(env, permissions)).missing;
  assert.equal(await missing({}), undefined);
  assert.match((await missing({ ADT_CACHE: cache, CC: "" }))!, /^permission to run cc is not given/);
  await Deno.remove(cache);
});
