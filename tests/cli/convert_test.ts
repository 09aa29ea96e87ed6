import assert from "node:assert/strict";
import { join } from "node:path";
import { withCache } from "../pipelines/single_file/cache.ts";
import { writeOriginal } from "../pipelines/single_file/original.ts";
import { fixture } from "../support.ts";
import { adt, withFolder } from "./support.ts";

Deno.test("adt convert writes a folder that adt sample takes, and prints where it is", () =>
  withFolder(async (folder) => {
    const file = join(folder, "one.safetensors"), converted = join(folder, "pipeline");
    const template = ["--config-from", fixture("pipeline_sd15")];
    await writeOriginal(file, "pipeline_sd15");
    const { code, stdout, stderr } = await adt("convert", file, converted, ...template);
    assert.deepEqual([code, stdout], [0, `${converted}\n`], stderr);
    assert.match(stderr, /converting .*one\.safetensors: .*\(100 %\)/);
    const sampled = join(folder, "a.png"), steps = ["--prompt", "a cat", "--steps", "1", "--size", "8"];
    const { code: sampleCode, stderr: said } = await adt(
      ...["sample", "--pipeline", converted, ...steps, "--output", sampled],
    );
    assert.equal(sampleCode, 0, said);
    const again = await adt("convert", file, converted, ...template);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^error: .*pipeline is not empty \(it holds .*\); name a new folder\n$/);
  }));

Deno.test("adt sample --pipeline takes a single file, with --config-from", () =>
  withCache(async (folder) => {
    const file = join(folder, "one.safetensors"), output = join(folder, "a.png");
    await writeOriginal(file, "pipeline_sd15");
    const rest = ["--prompt", "a cat", "--steps", "1", "--size", "8", "--output", output];
    const options = ["--pipeline", file, "--config-from", fixture("pipeline_sd15")];
    const { code, stderr } = await adt("sample", ...options, ...rest);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /converting .*one\.safetensors, once, to .*single-file/);
    assert.ok((await Deno.stat(output)).isFile);
  }));

Deno.test("adt convert of what is no checkpoint says so in one line, and leaves nothing", () =>
  withFolder(async (folder) => {
    const file = join(folder, "none.safetensors");
    const { code, stderr } = await adt("convert", file, join(folder, "new"));
    assert.equal(code, 1);
    assert.equal(stderr, `error: ${file}: no such file\n`);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  }));
