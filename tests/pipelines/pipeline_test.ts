import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import type { GenerationOptions } from "../../src/pipelines/generation_plan.ts";
import { loadPipeline, type LoadPipelineOptions } from "../../src/pipelines/load_pipeline.ts";
import type { Pipeline } from "../../src/pipelines/pipeline.ts";
import { normalBatch } from "../../src/runtime/random.ts";
import { sample } from "../../src/sampling/sample.ts";
import type { Params } from "../../src/tensor/params.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { copyPipeline, editJson, removeT5 } from "./copies.ts";
import { loadCase } from "./recorded.ts";

await startTestEngine();

const SMALL = { prompt: "a photo of a cat", steps: 2, height: 8, width: 16, onNote: () => {} };

/** Runs `f` with a recorded pipeline, disposed afterwards; fails if tensors are left. */
function withPipeline(
  name: string,
  f: (pipeline: Pipeline) => Promise<void>,
  options?: LoadPipelineOptions,
): Promise<void> {
  return noLeak(async () => {
    const pipeline = await loadPipeline(fixture(name), options);
    try {
      await f(pipeline);
    } finally {
      pipeline.dispose();
    }
  });
}

/** The pixels that a pipeline makes. */
async function pixels(pipeline: Pipeline, options: GenerationOptions): Promise<Float32Array> {
  const images = await pipeline.generate(options);
  const values = await images.data<"float32">();
  images.dispose();
  return values;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** Weights scaled by 1.1; the caller's. */
async function scaled(pipeline: Pipeline, name: string): Promise<Params> {
  const params = await pipeline.networks[name]!.params();
  return Object.fromEntries(Object.entries(params).map(([key, x]) => [key, tf.mul(x, 1.1)]));
}

for (const name of ["pipeline_sd15", "pipeline_sdxl", "pipeline_sd3"]) {
  Deno.test(`${name}: what a prompt, a negative prompt and guidance say shows in the image`, () =>
    withPipeline(name, async (pipeline) => {
      const image = await pixels(pipeline, { ...SMALL, maxSequenceLength: 8 });
      for (const change of [{ prompt: "a dog" }, { negative: "dark" }, { guidanceScale: 2 }]) {
        const other = await pixels(pipeline, { ...SMALL, maxSequenceLength: 8, ...change });
        assert.ok(largestDifference(image, other) > 0.01, JSON.stringify(change));
      }
    }));
}

Deno.test("an image depends on its seed and number, not on its batch", () =>
  withPipeline("pipeline_sd15", async (pipeline) => {
    const options = { ...SMALL, scheduler: "EulerAncestralDiscreteScheduler" }, size = 8 * 16 * 3;
    const both = await pixels(pipeline, { ...options, seed: 5, imagesPerPrompt: 2 });
    const first = both.subarray(0, size), second = both.subarray(size);
    assertClose(first, await pixels(pipeline, { ...options, seed: 5 }), { absolute: 1e-5 });
    assert.ok(largestDifference(first, second) > 0.01);
    const listed = await pixels(pipeline, { ...options, seed: [6, 5], imagesPerPrompt: 2 });
    assertClose(listed.subarray(size), first, { absolute: 1e-5 });
  }));

Deno.test("the images of a prompt follow one another", () =>
  withPipeline("pipeline_sdxl", async (pipeline) => {
    const prompt = ["a photo of a cat", "a blue bowl"], size = 8 * 16 * 3;
    const images = await pixels(pipeline, { ...SMALL, prompt, imagesPerPrompt: 2, seed: [1, 2, 3, 4] });
    const third = await pixels(pipeline, { ...SMALL, prompt: prompt[1]!, seed: [3] });
    assertClose(images.subarray(2 * size, 3 * size), third, { absolute: 1e-5 });
  }));

Deno.test("the parts of a pipeline give what generate() gives", () =>
  withPipeline("pipeline_sd3", async (pipeline) => {
    const { condition, nullCondition } = await pipeline.encodePrompt("a cat", { maxSequenceLength: 8 });
    const autoencoder = await pipeline.autoencoder(), shape = autoencoder.latentShape(8, 16);
    const noise = tf.tensor(normalBatch({ seed: 3, purpose: "sampling noise", step: 0 }, [0], shape), [
      1,
      ...shape,
    ]);
    const sampler = pipeline.sampler(3, { height: 8, width: 16 });
    const end = await sample(pipeline.denoiser, await pipeline.params(), sampler, noise, condition, {
      guidanceScale: 5,
      nullCondition,
    });
    const images = tf.tidy(() => autoencoder.decode(end).clipByValue(-1, 1));
    const options = { ...SMALL, prompt: "a cat", steps: 3, guidanceScale: 5, seed: 3, maxSequenceLength: 8 };
    assertClose(await pixels(pipeline, options), images, { absolute: 1e-5 });
    tf.dispose([condition, nullCondition!, noise, end, images]);
  }));

Deno.test("image to image makes the last part of the path from the noised image", () =>
  withPipeline("pipeline_sd15", async (pipeline) => {
    const image = tf.zeros([8, 16, 3]), events: number[] = [];
    const options = { ...SMALL, steps: 4, image, scheduler: "HeunDiscreteScheduler", guidanceScale: 1 };
    await pixels(pipeline, { ...options, strength: 0.5, onStep: ({ index }) => void events.push(index) });
    assert.deepEqual(events, [4, 5, 6]); // Heun: two calls a step, one in the last
    image.dispose();
  }));

Deno.test("encoded prompts take the place of texts, and outlive the text encoders", () =>
  withPipeline("pipeline_sdxl", async (pipeline) => {
    const { prompt, ...options } = SMALL, { height, width } = options;
    const encoded = await pipeline.encodePrompt(prompt, { height, width });
    const before = tf.memory().numTensors;
    pipeline.freeTextEncoders();
    const weights = ["text_encoder", "text_encoder_2"].flatMap((name) =>
      Object.keys(pipeline.networks[name]!.declarations)
    );
    assert.equal(tf.memory().numTensors, before - weights.length);
    const images = await pixels(pipeline, { ...options, encoded });
    assert.deepEqual(images, await pixels(pipeline, { ...options, prompt }));
    tf.dispose([encoded.condition, encoded.nullCondition!]);
  }));

Deno.test("freeTextEncoders leaves no text encoder in memory", () =>
  withPipeline("pipeline_sd3", async (pipeline) => {
    const before = tf.memory().numTensors;
    const { condition, nullCondition } = await pipeline.encodePrompt("a cat", { maxSequenceLength: 8 });
    tf.dispose([condition, nullCondition!]);
    assert.equal(tf.memory().numTensors, before);
  }, { freeTextEncoders: true }));

Deno.test("tuned weights take the place of the checkpoint's", () =>
  withPipeline("pipeline_sd15", async (pipeline) => {
    const image = await pixels(pipeline, SMALL);
    for (const name of ["unet", "text_encoder"]) {
      const tuned = await scaled(pipeline, name);
      const other = await pixels(pipeline, { ...SMALL, weights: { [name]: tuned } });
      assert.ok(largestDifference(image, other) > 0.001, name);
      tf.dispose(tuned);
    }
    assert.deepEqual(await pixels(pipeline, SMALL), image);
  }));

Deno.test("sampler() follows the checkpoint's scheduler, or another class on the same noise schedule", () =>
  withPipeline("pipeline_sd15", (pipeline) => {
    assert.equal(pipeline.sampler().timesteps.length, 51); // PNDM makes the first of 50 steps twice
    const other = pipeline.sampler(5, { scheduler: "DDIMScheduler" });
    assert.equal(other.name, "ddim");
    assert.deepEqual(other.timesteps, [801, 601, 401, 201, 1]);
    const trailing = { _class_name: "DDIMScheduler", timestep_spacing: "trailing" };
    assert.equal(pipeline.sampler(5, { scheduler: trailing }).timesteps[0], 999);
    return Promise.resolve();
  }));

Deno.test("tiles change an image only where it is larger than one", () =>
  withPipeline("pipeline_sd15", async (pipeline) => {
    const tiled = await loadPipeline(fixture("pipeline_sd15"), { tile: 4 });
    try {
      const small = { ...SMALL, width: 8 };
      assertClose(await pixels(tiled, small), await pixels(pipeline, small), { absolute: 1e-5 });
      const wide = { ...SMALL, width: 32 };
      assert.ok(largestDifference(await pixels(tiled, wide), await pixels(pipeline, wide)) > 0);
    } finally {
      tiled.dispose();
    }
  }));

Deno.test("what was cut off of a text is told", () =>
  withPipeline("pipeline_sd3", async (pipeline) => {
    const prompt = "a photo of a cat on a mat", notes: string[] = [];
    const encoded = await pipeline.encodePrompt(prompt, { maxSequenceLength: 4, guidance: false });
    assert.match(
      encoded.notes.join(),
      /^text_encoder_3: the last \d+ tokens of "a photo of a cat on a mat" were cut off$/,
    );
    assert.equal(encoded.nullCondition, undefined);
    const options = {
      ...SMALL,
      prompt,
      maxSequenceLength: 4,
      onNote: (note: string) => void notes.push(note),
    };
    await pixels(pipeline, options);
    assert.deepEqual(notes, encoded.notes);
    tf.dispose(encoded.condition);
  }));

Deno.test("SD3 without T5 has one token that counts as often as T5's would be there", () =>
  copyPipeline("pipeline_sd3", async (folder) => {
    await removeT5(folder);
    const pipeline = await loadPipeline(folder);
    for (const [maxSequenceLength, count] of [[undefined, 256], [7, 7]]) {
      const { condition, nullCondition } = await pipeline.encodePrompt(["a cat", "a dog"], {
        maxSequenceLength,
      });
      assert.deepEqual(condition.encoder_hidden_states!.shape, [2, 77 + 1, 40]);
      assert.deepEqual([...condition.last_token_counts!.dataSync()], [count, count]);
      assert.deepEqual([...nullCondition!.last_token_counts!.dataSync()], [count]);
      tf.dispose([condition, nullCondition!]);
    }
    pipeline.dispose();
  }));

Deno.test("padding is masked where the text encoder's config says use_attention_mask", () =>
  copyPipeline("pipeline_sd15", async (folder) => {
    const encode = async () => {
      const pipeline = await loadPipeline(folder);
      const { condition } = await pipeline.encodePrompt("a cat", { guidance: false });
      const values = await condition.encoder_hidden_states!.data<"float32">();
      tf.dispose(condition);
      pipeline.dispose();
      return values;
    };
    const plain = await encode(), text = 4 * 16; // start, two words, end
    await editJson(join(folder, "text_encoder", "config.json"), { use_attention_mask: true });
    const masked = await encode();
    assertClose(masked.subarray(0, text), plain.subarray(0, text), { absolute: 1e-5 });
    assert.ok(largestDifference(masked.subarray(text), plain.subarray(text)) > 0.01);
  }));

Deno.test("an aborted generate() leaves nothing behind", () =>
  withPipeline("pipeline_sd15", async (pipeline) => {
    const stop = new AbortController();
    const onStep = () => stop.abort(new Error("stopped"));
    await assert.rejects(pipeline.generate({ ...SMALL, signal: stop.signal, onStep }), /stopped/);
  }));

Deno.test("given latents are left as they were", async () => {
  const { options, dispose } = await loadCase("pipeline_sdxl", "plain");
  await withPipeline("pipeline_sdxl", async (pipeline) => {
    const before = await options.latents!.data();
    await pixels(pipeline, { ...options, steps: 1 });
    assert.deepEqual(await options.latents!.data(), before);
  });
  dispose();
});
