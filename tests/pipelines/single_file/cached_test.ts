import assert from "node:assert/strict";
import { join } from "node:path";
import { findPipeline } from "../../../src/pipelines/find_pipeline.ts";
import { loadPipeline } from "../../../src/pipelines/load_pipeline.ts";
import { fixture } from "../../support.ts";
import { rejectsWith } from "../../weights/support.ts";
import { copyPipeline } from "../copies.ts";
import { withCache } from "./cache.ts";
import { writeOriginal } from "./original.ts";

Deno.test("a single file is converted once, again when it changes, and apart for each template", () =>
  withCache((folder) =>
    copyPipeline("pipeline_sd15", async (template) => {
      const file = join(folder, "one.safetensors");
      let reports = 0;
      const find = (configFrom: string) => findPipeline(file, { configFrom, onProgress: () => reports++ });
      await writeOriginal(file, "pipeline_sd15");
      const first = await find(template);
      assert.ok(first.startsWith(join(folder, "cache", "single-file", "one-")), first);
      assert.ok(reports > 0);
      reports = 0;
      assert.equal(await find(template), first);
      assert.equal(reports, 0);
      assert.notEqual(await find(fixture("pipeline_sd15")), first);
      await Deno.utime(file, 1, 1);
      assert.notEqual(await find(template), first);
      await Deno.writeTextFile(join(template, "scheduler", "scheduler_config.json"), "{ }");
      reports = 0;
      await find(template);
      assert.ok(reports > 0);
    })
  ));

Deno.test("two callers at once convert a file once", () =>
  withCache(async (folder) => {
    const file = join(folder, "one.safetensors"), configFrom = fixture("pipeline_sd3");
    await writeOriginal(file, "pipeline_sd3");
    const options = { configFrom, onProgress: () => {} };
    const [a, b] = await Promise.all([loadPipeline(file, options), loadPipeline(file, options)]);
    assert.equal(a.className, "StableDiffusion3Pipeline");
    a.dispose(), b.dispose();
    const names = await Array.fromAsync(
      Deno.readDir(join(folder, "cache", "single-file")),
      ({ name }) => name,
    );
    assert.equal(names.length, 2, names.join()); // the folder and its lock
  }));

Deno.test("what is no single file is refused by one line that names it", () =>
  withCache(async (folder) => {
    const file = join(folder, "bad.safetensors");
    await rejectsWith(
      () => findPipeline("models/v1-5.safetensors"),
      /^models\/v1-5\.safetensors: no such file$/,
    );
    await Deno.writeTextFile(file, "<!doctype html><html></html>");
    await rejectsWith(() => findPipeline(file), /bad\.safetensors is a web page/);
    await Deno.writeFile(file, new Uint8Array([0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0]));
    await rejectsWith(
      () => findPipeline(file),
      /bad\.safetensors is a zip archive, as PyTorch pickles weights/,
    );
    await rejectsWith(
      () => loadPipeline(folder),
      /model_index\.json .*the folder of a pipeline in diffusers' layout has one/,
    );
    await rejectsWith(
      () => loadPipeline(fixture("pipeline_sd15"), { configFrom: folder }),
      /pipeline_sd15: not a file; configs are taken from another folder/,
    );
    await writeOriginal(file, "pipeline_sd15");
    await rejectsWith(
      () => loadPipeline(file, { configFrom: join(folder, "none") }),
      /none: there is no such folder; configs are taken from a pipeline/,
    );
  }));
