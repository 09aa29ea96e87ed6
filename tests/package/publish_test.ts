import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const cwd = fileURLToPath(new URL("../..", import.meta.url));

Deno.test("the package can be published: no slow types, no warnings, and what it holds", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, text);
  assert.doesNotMatch(text, /warning\[|slow-type/i);
  const files = [...text.matchAll(/file:\/\/(\S+)/g)].map(([, file]) => decodeURI(file!).slice(cwd.length));
  for (const file of ["mod.ts", "deno.json", "data/manifest.json", "data/configs/sdxl-adt.yaml"]) {
    assert.ok(files.includes(file), `${file} is left out`);
  }
  for (const { path } of JSON.parse(await Deno.readTextFile(`${cwd}data/manifest.json`)).entries) {
    assert.ok(files.includes(`data/${path}`), `data/${path} is left out`);
  }
  assert.deepEqual(
    files.filter((file) => /^(tests|notebooks|docs|data\/studies|src\/benchmarks)\//.test(file)),
    [],
  );
});
