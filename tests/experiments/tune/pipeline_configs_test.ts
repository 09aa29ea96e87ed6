import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { samplePipeline } from "../../../src/experiments/generate/sample_pipeline.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { type PipelineName, withPipelineTuning } from "./tiny_pipeline_tuning.ts";

const CONFIGS: [string, PipelineName][] = [
  ["sd15-adt", "pipeline_sd15"],
  ["sdxl-adt", "pipeline_sdxl"],
  ["sd3-adt", "pipeline_sd3"],
];

/** A configuration with a tiny model, its images and its backbone in place of the real ones. */
function onTiny(
  config: PipelineTuneConfig,
  { model, data, adt, output }: PipelineTuneConfig,
): PipelineTuneConfig {
  const { backbone, blocks, resolution } = adt.discriminator;
  return {
    ...config,
    model: { ...config.model, pipeline: model.pipeline, cache: model.cache },
    data,
    sampler: { ...config.sampler, steps: 4 },
    adt: {
      ...config.adt,
      discriminator: { ...config.adt.discriminator, backbone, blocks, resolution, head_start: 0 },
    },
    train: { ...config.train, steps: 2 },
    output,
  };
}

for (const [name, pipeline] of CONFIGS) {
  Deno.test(`data/configs/${name}.yaml tunes a LoRA, and samplePipeline() shows what it does`, () =>
    withPipelineTuning(pipeline, async (tiny) => {
      const file = fileURLToPath(new URL(`../../../data/configs/${name}.yaml`, import.meta.url));
      const config = onTiny(await loadConfig(file, tuneSchema) as PipelineTuneConfig, tiny);
      const { weights, steps } = await tune(config);
      assert.equal(steps, 2);
      const options = {
        pipeline: tiny.model.pipeline,
        prompts: ["a cat", "a house"],
        n: 2,
        steps: 2,
        size: 16,
        seed: 3,
      };
      const before = await samplePipeline(options),
        after = await samplePipeline({ ...options, lora: weights });
      assert.deepEqual(after.shape, [4, 16, 16, 3]);
      assert.deepEqual(after.captions, ["a cat", "a house", "a cat", "a house"]);
      const again = await samplePipeline({
        ...options,
        lora: join(weights, "kohya_lora_weights.safetensors"),
      });
      const difference = (a: Float32Array, b: Float32Array) =>
        a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
      assert.ok(difference(before.data, after.data) > 1e-6);
      assert.equal(difference(after.data, again.data), 0);
      assert.ok(difference(after.data.subarray(0, 768), after.data.subarray(1536, 2304)) > 0.01); // other noise
    }));
}
