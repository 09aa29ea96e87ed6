import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { adtFunctions } from "../../../src/adt/functions.ts";
import { adversarialGradient } from "../../../src/adt/adversarial_gradient.ts";
import { adtStep } from "../../../src/adt/step.ts";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import {
  type PipelineTuneConfig,
  type TuneConfig,
  tuneSchema,
} from "../../../src/experiments/tune/config.ts";
import { KOHYA_FILE_NAME } from "../../../src/experiments/tune/tunable.ts";
import { prepareTuning } from "../../../src/experiments/tune/setup.ts";
import { imageFolder } from "../../../src/data/image_folder.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { tuningIn } from "../../../src/experiments/tune/tune_or_resume.ts";
import { readLora } from "../../../src/lora/read.ts";
import { LORA_FILE_NAME } from "../../../src/lora/lora_file.ts";
import { loadPipeline } from "../../../src/pipelines/load_pipeline.ts";
import type { Pipeline } from "../../../src/pipelines/pipeline.ts";
import type { Condition } from "../../../src/sampling/denoiser.ts";
import { loadCheckpoint } from "../../../src/training/checkpoint.ts";
import { dropCondition } from "../../../src/training/condition_dropout.ts";
import { spelledOut } from "../../models/sd3_transformer/spelled_out.ts";
import { removeT5 } from "../../pipelines/copies.ts";
import { withCache } from "../../pipelines/single_file/cache.ts";
import { writeOriginal } from "../../pipelines/single_file/original.ts";
import { assertClose, steadyTensors } from "../../support.ts";
import { random } from "../../tensor/parity.ts";
import {
  type FolderTuneConfig,
  type PipelineName,
  PIPELINES,
  withPipelineTuning,
} from "./tiny_pipeline_tuning.ts";

/** Fails unless two runs have the same log, the same LoRA files, and the same state, bit for bit. */
async function assertSameRun(a: TuneConfig, b: TuneConfig): Promise<void> {
  for (const file of ["metrics.jsonl", `weights/${LORA_FILE_NAME}`, `weights/${KOHYA_FILE_NAME}`]) {
    assert.deepEqual(
      await Deno.readFile(join(a.output, file)),
      await Deno.readFile(join(b.output, file)),
      file,
    );
  }
  const [state, other] = await Promise.all(
    [a, b].map(async ({ output }) => (await loadCheckpoint(join(output, "checkpoints")))!),
  );
  for (const [name, x] of Object.entries(state!.tensors)) {
    assert.deepEqual(await other!.tensors[name]!.data(), await x.data(), name);
  }
  tf.dispose([state!.tensors, other!.tensors]);
}

/** Reads the LoRA of a run in both layouts; fails unless they hold the same numbers. */
async function readBoth(pipeline: Pipeline, weights: string) {
  const name = "unet" in pipeline.networks ? "unet" : "transformer";
  const networks = { [name]: pipeline.networks[name]!.declarations };
  const [lora, other] = await Promise.all(
    [LORA_FILE_NAME, KOHYA_FILE_NAME].map(async (file) =>
      (await readLora(join(weights, file), networks))[name]!
    ),
  );
  assert.deepEqual(Object.keys(lora!.params).sort(), Object.keys(other!.params).sort());
  for (const [key, x] of Object.entries(lora!.params)) {
    assert.deepEqual(await other!.params[key]!.data(), await x.data(), key);
  }
  tf.dispose(other!.params);
  return lora!;
}

for (const name of Object.keys(PIPELINES) as PipelineName[]) {
  Deno.test(`${name}: tune() stopped and resumed gives bitwise the LoRA, log and state of a run never stopped`, () =>
    withPipelineTuning(name, async (config) => {
      const halves = { ...config, output: `${config.output}-halves` };
      const { steps, weights } = await tune(config);
      assert.equal(steps, 2);
      const stop = new AbortController();
      const first = await tune(halves, { signal: stop.signal, onStep: () => stop.abort() });
      assert.equal(first.steps, 1);
      await assert.rejects(Deno.stat(join(first.weights, LORA_FILE_NAME)), Deno.errors.NotFound);
      assert.equal((await tune(halves, { resume: true })).steps, 2);
      await assertSameRun(halves, config);

      const pipeline = await loadPipeline(config.model.pipeline),
        { adapter, params } = await readBoth(pipeline, weights);
      assert.ok(adapter.targets.every(({ rank, alpha }) => rank === 2 && alpha === 3));
      const trained = Object.entries(params).filter(([key]) => key.endsWith("lora_B.weight"));
      const moved = trained.filter(([, x]) => x.abs().max().dataSync()[0]! > 0).length;
      assert.ok(moved > 0.9 * trained.length, `${moved} of ${trained.length} factors B left 0`);
      tf.dispose(params);
      pipeline.dispose();
    }));
}

for (const name of Object.keys(PIPELINES) as PipelineName[]) {
  Deno.test(`tune() of a LoRA piles up no tensors: ${name}`, () =>
    withPipelineTuning(
      name,
      (config) =>
        steadyTensors((after) =>
          tune({ ...config, train: { ...config.train, steps: 5 } }, { onStep: after })
        ),
    ));
}

Deno.test("tune() of all weights on pictograms piles up no tensors", () =>
  withPipelineTuning("pipeline_sd15", (given, _, folder) => {
    const config = ofAllWeights(given, join(folder, "run"));
    return steadyTensors((after) =>
      tune({ ...config, train: { ...config.train, steps: 5 } }, { onStep: after })
    );
  }));

Deno.test("tune() of a single file gives bitwise the LoRA of the same pipeline as a folder", () =>
  withCache((cache) =>
    withPipelineTuning("pipeline_sd15", async (config) => {
      const file = join(cache, "one.safetensors"), { model } = config;
      await writeOriginal(file, "pipeline_sd15");
      const single = { ...model, pipeline: file, config_from: model.pipeline, cache: join(cache, "latents") };
      const ofFile = { ...config, model: single, output: `${config.output}-single` };
      await tune(config);
      await tune(ofFile);
      await assertSameRun(ofFile, config);
    })
  ));

Deno.test("tune() on pictures in a shard gives bitwise the LoRA of the same pictures in a folder", () =>
  withPipelineTuning("pipeline_sd15", async (config, _, folder) => {
    const shard = join(folder, "shard"), { path } = config.data;
    await Deno.mkdir(shard);
    for (const [i, { caption }] of (await imageFolder(path, { resolution: 32 })).images.entries()) {
      await Deno.writeTextFile(join(path, `${i}.txt`), caption!);
    }
    const names = [0, 1, 2].flatMap((i) => [`${i}.png`, `${i}.txt`]);
    const args = ["-cf", join(shard, "a.tar"), "-C", path, ...names];
    assert.ok((await new Deno.Command("tar", { args }).output()).success);
    const ofShard = { ...config, data: { ...config.data, path: shard }, output: `${config.output}-shard` };
    await tune(config);
    await tune(ofShard);
    await assertSameRun(ofShard, config);
  }));

Deno.test("latents of mirrored pictures are those of the mirrored pixels, and captions have their prefix", () =>
  withPipelineTuning("pipeline_sdxl", async (config) => {
    const data = { ...config.data, flip: true, caption_prefix: "sks, " };
    const { setup, batch, initial, encodingSeconds, dispose } = await prepareTuning({
      ...config,
      data,
      adt: { ...config.adt, discriminator: { ...config.adt.discriminator, resolution: undefined } },
      train: { ...config.train, batch_size: 6 },
    });
    assert.ok(encodingSeconds > 0);
    const { images, latents, condition, reference } = await batch(1), own = setup.autoencoder.encode(images);
    const difference = latents.sub(own).abs().max().dataSync()[0]!;
    assert.ok(difference < 1e-3, `they differ by ${difference}`);
    dispose();
    tf.dispose([initial, images, latents, condition, reference, own]);
  }));

Deno.test("tune() of a pipeline that is stopped while it encodes keeps what it has, and goes on", () =>
  withPipelineTuning("pipeline_sd15", async (config) => {
    const { steps } = await tune(config, { signal: AbortSignal.abort() });
    assert.equal(steps, 0);
    await assert.rejects(tune(config), /already holds a run; go on with it by --resume/);
    const stop = new AbortController(), onStep = () => stop.abort();
    assert.equal((await tune(config, { resume: true, signal: stop.signal, onStep })).steps, 1);
  }));

Deno.test("tune() of a pipeline says what is wrong with sampler, images and captions before it encodes anything", () =>
  withPipelineTuning("pipeline_sd3", async (config) => {
    const refused = (changes: Partial<FolderTuneConfig>, message: RegExp) =>
      assert.rejects(prepareTuning({ ...config, ...changes } as TuneConfig), { name: "UserError", message });
    await refused(
      { sampler: { ...config.sampler, name: "ddim" } },
      /the sampler ddim runs on epsilon, but StableDiffusion3Pipeline predicts flow; choose flow_euler/,
    );
    await refused({ data: { ...config.data, resolution: 30 } }, /height: 30 pixels; .* multiples of 8/);
    const lora = { ...config.model.lora!, targets: ["to_w"] };
    await refused(
      { model: { ...config.model, lora } },
      /LoRA targets that name no linear .*\n {2}to_w, the nearest is to_/,
    );
    await refused(
      { data: { ...config.data, resolution: 40 } },
      /3 of 3 images are smaller than 40×40 pixels: 0\.png/,
    );
    await Deno.remove(join(config.data.path, "metadata.jsonl"));
    await refused({}, /the images have no captions; .*metadata\.jsonl/);
    await assert.rejects(Deno.stat(config.model.cache!), Deno.errors.NotFound);
  }));

Deno.test("tuning SDXL tells the network each image's size and crop, with and without its caption", () =>
  withPipelineTuning("pipeline_sdxl", async (config) => {
    const { setup, batch, initial, dispose } = await prepareTuning({
      ...config,
      train: { ...config.train, batch_size: 3 },
    });
    const { condition, images, latents, reference } = await batch(1);
    // 40×36, 44×36 and 48×36 pixels become 32 high; what is wider is cropped on both sides
    const rows = (await condition.time_ids!.array() as number[][]).sort((a, b) => a[1]! - b[1]!);
    assert.deepEqual(rows, [[36, 40, 0, 2, 32, 32], [36, 44, 0, 4, 32, 32], [36, 48, 0, 6, 32, 32]]);
    const none = setup.nullCondition!(condition);
    assert.equal(none.time_ids, condition.time_ids);
    assert.deepEqual(none.text_embeds!.shape, [1, condition.text_embeds!.shape[1]!]);
    assert.deepEqual([images.shape, latents.shape, reference.shape], [[3, 28, 28, 3], [3, 8, 8, 4], [
      3,
      28,
      28,
      3,
    ]]);
    tf.dispose([condition, images, latents, reference, initial]);
    dispose();
  }));

Deno.test("a step of a LoRA of SD3 without T5 is the step with all of the zeros in T5's place", () =>
  withPipelineTuning("pipeline_sd3", async (config) => {
    await removeT5(config.model.pipeline);
    const stepOf = async (change: (condition: Condition) => Condition) => {
      const { setup: own, batch, initial, dispose } = await prepareTuning(config);
      const setup = { ...own, nullCondition: (given: Condition) => change(own.nullCondition!(given)) };
      const functions = adtFunctions(setup), { condition, ...images } = await batch(1);
      const changed = { ...images, condition: change(condition) };
      const weights = tf.tidy(() => random(initial.generator.weights.shape, 1).mul<tf.Tensor1D>(0.2));
      const start = { ...initial, generator: { ...initial.generator, weights } };
      const judged = await adversarialGradient(setup, functions, start, changed, 1);
      const { state, metrics } = await adtStep(setup, functions, start, changed, 1);
      const gradient = await judged.gradient.data();
      tf.dispose([judged.gradient, judged.images, initial.generator.weights, state, condition, {
        ...changed,
      }]);
      functions.dispose();
      dispose();
      return { gradient, metrics };
    };
    const counted = await stepOf((condition) => condition);
    const spelled = await stepOf((condition) => spelledOut(condition, 256));
    assertClose(counted.gradient, spelled.gradient, { relative: 1e-4 });
    for (const [name, value] of Object.entries(spelled.metrics)) {
      assertClose([counted.metrics[name]!], [value!], { relative: 1e-4, absolute: 1e-6 });
    }
  }));

/** The settings of a tuning of all weights on the bundled pictograms, with all that concerns guidance. */
function ofAllWeights({ model, adt, sampler, ...config }: PipelineTuneConfig, output: string): TuneConfig {
  const settings = {
    ...config,
    model: { pipeline: model.pipeline, tune: "all", checkpointing: false },
    data: { kind: "pictograms" },
    sampler: { ...sampler, guidance_scale: { min: 2, max: 6, none: 0.5 } },
    adt: { ...adt, lambda_anchor: 0.5, condition_dropout: 0.5, divide_by_guidance_scale: true },
    output,
  };
  return parseConfig(stringifyConfig(settings), "settings", tuneSchema);
}

Deno.test("tune() of all weights on pictograms writes a whole pipeline; stopped and resumed, bitwise the same", () =>
  withPipelineTuning("pipeline_sd15", async (given, _, folder) => {
    const config = ofAllWeights(given, join(folder, "whole"));
    const halves = { ...config, output: join(folder, "halves") }, stop = new AbortController();
    const { weights, metricsFile } = await tune(config);
    await tune(halves, { signal: stop.signal, onStep: () => stop.abort() });
    assert.equal(await tuningIn(halves), "unfinished");
    const resumed = await tune(halves, { resume: true });
    assert.equal(await tuningIn(halves), "finished");
    const file = "unet/diffusion_pytorch_model.safetensors";
    assert.deepEqual(
      await Deno.readFile(join(resumed.weights, file)),
      await Deno.readFile(join(weights, file)),
    );
    assert.equal(await Deno.readTextFile(resumed.metricsFile), await Deno.readTextFile(metricsFile));

    const log = (await Deno.readTextFile(metricsFile)).trim().split("\n").map((line) => JSON.parse(line));
    for (const { guidance_scales, loss_anchor } of log) {
      assert.ok(guidance_scales.every((w: number) => w === 1 || w >= 2 && w <= 6));
      assert.ok(loss_anchor >= 0);
    }
    const [before, after] = await Promise.all(
      [given.model.pipeline, weights].map((path) => loadPipeline(path)),
    );
    const [base, tuned] = await Promise.all([before!.params(), after!.params()]);
    const moved = Object.keys(base!).filter((name) => {
      return tf.tidy(() => base![name]!.sub(tuned![name]!).abs().max().dataSync()[0]! > 0);
    });
    assert.ok(moved.length > 0.9 * Object.keys(base!).length, `${moved.length} weights moved`);
    const images = await after!.generate({ prompt: "a cat", steps: 1, height: 16, width: 16 });
    assert.deepEqual(images.shape, [1, 16, 16, 3]);
    images.dispose(), before!.dispose(), after!.dispose();
  }));

Deno.test("the conditions of pictograms change with the epoch, and all dropped out they are that of no text", () =>
  withPipelineTuning("pipeline_sdxl", async (given, _, folder) => {
    const config = ofAllWeights(given, join(folder, "run"));
    const { setup, batch, initial, dispose } = await prepareTuning(config);
    const { condition, images, latents, reference } = await batch(1);
    assert.deepEqual([images.shape, latents.shape], [[2, 28, 28, 3], [2, 16, 16, 4]]);
    assert.deepEqual(await condition.time_ids!.array(), [0, 1].map(() => [64, 64, 0, 0, 64, 64]));
    const none = setup.nullCondition!(condition);
    assert.equal(none.time_ids, condition.time_ids);
    const dropped = dropCondition(condition, none, { share: 1, seed: 0, step: 1 });
    for (const name of Object.keys(condition)) {
      const [first] = tf.split(dropped[name]!, 2),
        [expected] = tf.split(tf.concat([none[name]!, none[name]!]), 2);
      if (name === "time_ids") continue;
      assert.deepEqual(await first!.data(), await expected!.data(), name);
    }
    tf.dispose([condition, images, latents, reference, initial, dropped]);
    dispose();
  }));

Deno.test("settings of a tuning that contradict each other are refused, with what to do", () =>
  withPipelineTuning("pipeline_sd15", async (config) => {
    const refused = (changes: Record<string, unknown>, message: RegExp) =>
      assert.throws(
        () => parseConfig(stringifyConfig({ ...config, ...changes }), "settings", tuneSchema),
        { name: "UserError", message },
      );
    const { sampler, adt } = config;
    await refused(
      { model: { pipeline: "x", tune: "all", base: "int8" } },
      /model\.base: is for frozen weights/,
    );
    const scaled = (guidance_scale: unknown) => ({ sampler: { ...sampler, guidance_scale } });
    await refused(
      scaled({ min: 3, max: 2 }),
      /guidance_scale.*less than min|got .*expected a number of at least 0, or a range/,
    );
    await refused(scaled("high"), /got "high", expected a number of at least 0, or a range like/);
    await refused(scaled({ min: 1, max: 2, none: 2 }), /none|expected a number of at least 0, or a range/);
    await refused(
      { adt: { ...adt, lambda_adv: 0, lambda_anchor: 1 } },
      /lambda_anchor: holds the network at/,
    );
    await refused({ data: { kind: "digits" } }, /data\.kind: .*expected "folder" or "pictograms"/);
    await refused({ data: { kind: "pictograms", split: "final" } }, /for final evaluations alone/);
  }));
