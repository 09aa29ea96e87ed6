import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { bundledPath } from "../../src/data/bundled.ts";
import { BUNDLED_PIPELINES, findPipeline } from "../../src/pipelines/find_pipeline.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";
import { loadCase } from "./recorded.ts";

await startTestEngine();

for (const name of BUNDLED_PIPELINES) {
  for (const named of ["guided", "plain"]) {
    Deno.test(`${name} gives diffusers' pictures from the same latents and prompts: ${named}`, () =>
      noLeak(async () => {
        const pipeline = await loadPipeline(name),
          { options, expected, dispose } = await loadCase(name, named);
        const images = await pipeline.generate(options);
        assertClose(images, expected.images!, { absolute: 1e-4 });
        images.dispose(), dispose(), pipeline.dispose();
      }));
  }

  Deno.test(`${name} is at most 20 MB, and draws what it is asked for in words it does not know, or in none`, () =>
    noLeak(async () => {
      let bytes = 0;
      const folder = await bundledPath(`models/${name}`), folders = [folder];
      for (const at of folders) {
        for (const { name, isDirectory } of Deno.readDirSync(at)) {
          if (isDirectory) folders.push(`${at}/${name}`);
          else bytes += Deno.statSync(`${at}/${name}`).size;
        }
      }
      assert.ok(bytes <= 20e6, `${bytes} bytes`);
      const pipeline = await loadPipeline(name);
      const prompt = ["", "🦊 Žlutý kůň qwxz", "a 3D emoji of a cat"];
      const images = await pipeline.generate({ prompt, steps: 2, guidanceScale: 3, seed: [1, 1, 1] });
      assert.deepEqual(images.shape, [3, 64, 64, 3]);
      const values = await images.data();
      assert.ok(values.every((value) => value >= -1 && value <= 1));
      const unlike = (i: number, j: number) =>
        tf.tidy(() => tf.sub(images.slice(i, 1), images.slice(j, 1)).abs().mean().dataSync()[0]!);
      assert.ok(Math.min(unlike(0, 1), unlike(0, 2), unlike(1, 2)) > 0.01);
      images.dispose();
      await rejectsWith(
        () => pipeline.generate({ prompt: "a cat", height: 63 }),
        /height: 63 .* multiples of/,
      );
      pipeline.dispose();
    }));
}

Deno.test("a folder of the user's goes before the bundled pipeline of its name", () =>
  inTempFolder(async (folder) => {
    const [name] = BUNDLED_PIPELINES, before = Deno.cwd();
    assert.equal(await findPipeline(name), await bundledPath(`models/${name}`));
    Deno.chdir(folder);
    try {
      await Deno.mkdir(name);
      assert.equal(await findPipeline(name), name);
    } finally {
      Deno.chdir(before);
    }
  }));

Deno.test("a name that is nearly one is told of them", () =>
  rejectsWith(() => findPipeline("mini-sd"), /mini-sd: there is no such folder; .* one of mini-sd15/));
