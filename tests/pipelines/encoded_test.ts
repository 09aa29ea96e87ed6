import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { imageFolder } from "../../src/data/image_folder.ts";
import { openTensorCache } from "../../src/data/tensor_cache.ts";
import { cacheLatents } from "../../src/pipelines/encoded_images.ts";
import { cacheTexts, type EncodingOptions } from "../../src/pipelines/encoded_texts.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import type { Pipeline } from "../../src/pipelines/pipeline.ts";
import { readTensors, writeTensors } from "../../src/weights/safetensors.ts";
import { writeImage } from "../experiments/tune/tiny_pipeline_tuning.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { inTempFolder } from "../weights/support.ts";
import { copyPipeline, filesIn, removeT5 } from "./copies.ts";

await startTestEngine();

const TEXTS = ["a photo of a cat", "an old harbour", "a photo of a cat"];

/** A pipeline that counts what it encodes. */
function counting(pipeline: Pipeline) {
  const counts = { texts: 0, images: 0 };
  const counted: Pipeline = {
    ...pipeline,
    encodePrompt(prompt, options) {
      counts.texts += prompt.length;
      return pipeline.encodePrompt(prompt, options);
    },
    async autoencoder() {
      const autoencoder = await pipeline.autoencoder();
      return {
        ...autoencoder,
        encode(images) {
          counts.images++;
          return autoencoder.encode(images);
        },
      };
    },
  };
  return { pipeline: counted, counts };
}

/** Runs `f` with the pipeline in a folder; fails if tensors are left. */
function withPipeline(
  folder: string,
  f: (counted: ReturnType<typeof counting>) => Promise<void>,
): Promise<void> {
  return noLeak(async () => {
    const pipeline = await loadPipeline(folder);
    await f(counting(pipeline));
    pipeline.dispose();
  });
}

/** Changes one weight of a component. */
async function changeWeights(path: string): Promise<void> {
  const tensors = await readTensors(path), [first] = Object.values(tensors);
  first!.data[0] = first!.data[0]! + 1;
  const floats = Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data }] as const);
  await writeTensors(path, Object.fromEntries(floats));
}

for (const name of ["pipeline_sd15", "pipeline_sdxl", "pipeline_sd3", "pipeline_sd3 without T5"]) {
  const source = name.split(" ")[0]!;
  Deno.test(`${name}: cacheTexts() keeps what encodePrompt() gives, without the sizes`, () =>
    copyPipeline(source, async (folder) => {
      if (name !== source) await removeT5(folder);
      await withPipeline(folder, async ({ pipeline, counts }) => {
        const cache = await openTensorCache(join(folder, "cache"));
        const { condition, nullCondition } = await cacheTexts(pipeline, TEXTS, { cache });
        assert.equal(counts.texts, 2); // each text once
        const read = await condition(TEXTS), expected = await pipeline.encodePrompt(TEXTS);
        const names = Object.keys(expected.condition).filter((key) => key !== "time_ids");
        for (
          const [given, wanted] of [[read, expected.condition], [
            nullCondition,
            expected.nullCondition!,
          ]] as const
        ) {
          assert.deepEqual(Object.keys(given).sort(), names.toSorted());
          for (const key of names) assertClose(given[key]!, wanted[key]!, { relative: 1e-5, absolute: 1e-6 });
        }
        tf.dispose([read, nullCondition, expected.condition, expected.nullCondition!]);
      });
    }));
}

Deno.test("cacheTexts() computes nothing again, unless a text, an encoder or a tokenizer changed", () =>
  inTempFolder((folder) =>
    copyPipeline("pipeline_sd15", async (copy) => {
      const cache = await openTensorCache(folder);
      const encoded = async (texts: string[]) => {
        let count = NaN;
        await withPipeline(copy, async ({ pipeline, counts }) => {
          tf.dispose((await cacheTexts(pipeline, texts, { cache })).nullCondition);
          count = counts.texts;
        });
        return count;
      };
      assert.equal(await encoded(TEXTS), 2);
      assert.equal(await encoded(TEXTS), 0);
      assert.equal(await encoded([...TEXTS, "a dog"]), 1);
      await changeWeights(join(copy, "vae/diffusion_pytorch_model.safetensors"));
      assert.equal(await encoded(TEXTS), 0);
      await changeWeights(join(copy, "text_encoder/model.safetensors"));
      assert.equal(await encoded(TEXTS), 2);
      const tokenizer = join(copy, "tokenizer/tokenizer_config.json");
      await Deno.writeTextFile(tokenizer, `${await Deno.readTextFile(tokenizer)}\n`);
      assert.equal(await encoded(TEXTS), 2);
    })
  ));

Deno.test("cacheTexts() that was stopped goes on where it was", () =>
  inTempFolder((folder) =>
    withPipeline(fixture("pipeline_sd15"), async ({ pipeline, counts }) => {
      const cache = await openTensorCache(folder), stop = new AbortController();
      const texts = Array.from({ length: 40 }, (_, i) => `photo ${i}`);
      const onProgress: EncodingOptions["onProgress"] = (done) => void (done > 0 && stop.abort());
      await assert.rejects(cacheTexts(pipeline, texts, { cache, signal: stop.signal, onProgress }), {
        name: "AbortError",
      });
      assert.equal(counts.texts, 32);
      const { condition, nullCondition } = await cacheTexts(pipeline, texts, { cache });
      assert.equal(counts.texts, 40);
      const all = await condition(texts);
      assert.equal(all.encoder_hidden_states!.shape[0], 40);
      tf.dispose([all, nullCondition]);
    })
  ));

/** A folder with three images of random pixels. */
function withImages(f: (images: string, cache: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    const images = join(folder, "images");
    await Deno.mkdir(images);
    for (const i of [0, 1, 2]) await writeImage(join(images, `${i}.png`), i);
    await f(images, join(folder, "cache"));
  });
}

Deno.test("cacheLatents() keeps what the autoencoder gives", () =>
  withImages((images, cacheFolder) =>
    withPipeline(fixture("pipeline_sd3"), async ({ pipeline, counts }) => {
      const folder = await imageFolder(images, { resolution: 32 }),
        cache = await openTensorCache(cacheFolder);
      const latents = await cacheLatents(pipeline, folder, 32, { cache });
      assert.equal(counts.images, 3);
      const read = await latents([2, 0]), pixels = (await folder.get([2, 0])).images;
      const autoencoder = await pipeline.autoencoder();
      const expected = tf.tidy(() => autoencoder.encode(pixels));
      assertClose(read, expected, { relative: 1e-5 });
      tf.dispose([read, pixels, expected]);
    })
  ));

Deno.test("cacheLatents() computes nothing again, unless an image, the resolution or the autoencoder changed", () =>
  withImages((images, cacheFolder) =>
    copyPipeline("pipeline_sd15", async (copy) => {
      const cache = await openTensorCache(cacheFolder);
      const encoded = async (resolution = 32) => {
        let count = NaN;
        await withPipeline(copy, async ({ pipeline, counts }) => {
          await cacheLatents(pipeline, await imageFolder(images, { resolution }), resolution, { cache });
          count = counts.images;
        });
        return count;
      };
      assert.equal(await encoded(), 3);
      await Deno.rename(join(images, "1.png"), join(images, "renamed.png"));
      assert.equal(await encoded(), 0);
      await writeImage(join(images, "0.png"), 7);
      assert.equal(await encoded(), 1);
      assert.equal(await encoded(16), 3);
      await changeWeights(join(copy, "vae/diffusion_pytorch_model.safetensors"));
      assert.equal(await encoded(), 3);
    })
  ));

Deno.test("cacheLatents() that was stopped goes on where it was, and leaves no half-written file", () =>
  withImages((images, cacheFolder) =>
    withPipeline(fixture("pipeline_sd15"), async ({ pipeline, counts }) => {
      const folder = await imageFolder(images, { resolution: 32 }),
        cache = await openTensorCache(cacheFolder);
      const stop = new AbortController();
      const stopped = cacheLatents(pipeline, folder, 32, {
        cache,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      await assert.rejects(stopped, { name: "AbortError" });
      assert.equal((await filesIn(cacheFolder)).length, 1);
      await cacheLatents(pipeline, folder, 32, { cache });
      assert.equal(counts.images, 3);
    })
  ));
