import assert from "node:assert/strict";
import { join } from "node:path";
import type { LoraChoice } from "../../../src/experiments/generate/open_pipeline.ts";
import { samplePipeline } from "../../../src/experiments/generate/sample_pipeline.ts";
import { fixture, startTestEngine, steadyTensors } from "../../support.ts";
import { writePipelineLora } from "./pipeline_lora.ts";

const pipeline = fixture("pipeline_sd15");

Deno.test("samplePipeline() draws with each LoRA as strongly as asked", async () => {
  await startTestEngine();
  const folder = await Deno.makeTempDir();
  try {
    const a = join(folder, "a.safetensors"), b = join(folder, "b.safetensors");
    await writePipelineLora(pipeline, a, "a");
    await writePipelineLora(pipeline, b, "b");
    const draw = async (lora?: string | LoraChoice[]) =>
      (await samplePipeline({ pipeline, prompts: ["a cat"], n: 1, steps: 2, size: 16, seed: 0, lora })).data;
    const base = await draw(), withA = await draw(a);
    const both = await draw([{ path: a, strength: 0.7 }, { path: b, strength: -0.3 }]);
    assert.deepEqual(await draw([{ path: a, strength: 0 }, { path: b, strength: 0 }]), base);
    assert.deepEqual(await draw([{ path: a, strength: 1 }, { path: b, strength: 0 }]), withA);
    assert.notDeepEqual(withA, base);
    assert.notDeepEqual(both, withA);
    await assert.rejects(
      samplePipeline({
        pipeline: join(folder, "none"),
        prompts: ["a"],
        n: 1,
        seed: 0,
        lora: [{ path: a, strength: NaN }],
      }),
      /LoRA strength NaN: expected a finite number/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("samplePipeline() piles up no tensors", async () => {
  await startTestEngine();
  const options = { pipeline, prompts: ["a cat", "a dog"], n: 3, steps: 2, size: 16, seed: 0 };
  await steadyTensors((after) => samplePipeline({ ...options, onImage: after }));
});
