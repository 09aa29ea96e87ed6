import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { expectedPeakBytes } from "../../../src/experiments/init/expected_memory.ts";
import { initTuning } from "../../../src/experiments/init/init.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { prepareTuning } from "../../../src/experiments/tune/setup.ts";
import * as tf from "@tensorflow/tfjs";
import { adt } from "../../cli/support.ts";
import {
  type FolderTuneConfig,
  type PipelineName,
  PIPELINES,
  withPipelineTuning,
  writeImage,
} from "../tune/tiny_pipeline_tuning.ts";

for (const [name, sampler] of Object.entries(PIPELINES)) {
  Deno.test(`adt init writes a configuration of ${name} that a tuning takes, with the comments of its family`, () =>
    withPipelineTuning(name as PipelineName, async ({ model, data }, _, folder) => {
      const output = join(folder, "mine.yaml");
      const made = await initTuning(model.pipeline, data.path, { output });
      const config = await loadConfig(output, tuneSchema) as FolderTuneConfig;
      assert.equal(config.model.pipeline, model.pipeline);
      assert.equal(config.data.path, data.path);
      assert.equal(config.sampler.name, sampler);
      assert.equal(config.output, "runs/mine");
      assert.deepEqual([made.images, made.resolution], [3, config.data.resolution]);
      assert.match(
        await Deno.readTextFile(output),
        /^# Tunes a LoRA of .*\n# What it will take: adt tune .*mine\.yaml --dry-run .*\n# At a batch of 1 .*\n[^]*# blocks are computed again/,
      );
      const tuning = await prepareTuning({
        ...config,
        model: { ...config.model, cache: join(folder, "cache") },
      });
      tuning.dispose();
      tf.dispose(tuning.initial);
    }));
}

Deno.test("a new configuration is for the largest size that neither checkpoint nor pictures exceed", () =>
  withPipelineTuning("pipeline_sd15", async ({ model, data }, _, folder) => {
    const init = async (file: string, checkpoint = model.pipeline) =>
      (await initTuning(checkpoint, data.path, { output: join(folder, file) })).resolution;
    const large = await init("one.yaml");
    await writeImage(join(data.path, "0.png"), 0, large - 3, 50);
    const smaller = await init("two.yaml");
    assert.ok(smaller < large && smaller >= large / 2, `${smaller} of ${large}`);
    await writeImage(join(data.path, "0.png"), 0, 2, 50);
    await assert.rejects(
      init("three.yaml"),
      /smallest picture has a side of 2 pixels, and the checkpoint is for/,
    );
    await Deno.remove(join(data.path, "metadata.jsonl"));
    await assert.rejects(init("four.yaml"), /the images have no captions/);
    await assert.rejects(
      init("five.yaml", join(folder, "none")),
      /none: there is no such folder; expected a pipeline/,
    );
  }));

Deno.test("the memory that is expected is that of the full-size measurements, within a fifth", () => {
  const GiB = 2 ** 30;
  // docs/full_size.md: millions of weights of denoiser and autoencoder, side, GiB of a step in bfloat16
  for (
    const [millions, side, measured] of [
      [943, 512, 4.5],
      [2651, 512, 8.4],
      [2651, 768, 10],
      [2651, 1024, 13.3],
      [2112, 512, 6.9],
      [2112, 1024, 10.6],
    ] as const
  ) {
    const expected = expectedPeakBytes(2e6 * millions, side) / GiB;
    assert.ok(
      Math.abs(expected / measured - 1) < 0.2,
      `${millions} at ${side}: ${expected.toFixed(1)}, measured ${measured}`,
    );
  }
});

Deno.test("adt init says what it wrote and what comes next, and never overwrites", () =>
  withPipelineTuning("pipeline_sd15", async ({ model, data }, _, folder) => {
    const output = join(folder, "mine.yaml"), args = ["init", model.pipeline, data.path, "--output", output];
    const { code, stdout, stderr } = await adt(...args);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^.*mine\.yaml: Stable Diffusion 1, 3 pictures at \d+×\d+, judged through .*\nmemory: about .*\nnext:\n {2}deno task adt tune .*mine\.yaml --dry-run .*\n {2}deno task adt tune .*mine\.yaml\n$/,
    );
    const again = await adt(...args);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /error: .*mine\.yaml is there already; choose another --output\n/);
  }));
