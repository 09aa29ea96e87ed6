import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../../src/experiments/config/config.ts";
import { type PretrainConfig, pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { pretrain } from "../../../src/experiments/pretrain/pretrain.ts";
import { loadDigitClassifier } from "../../../src/models/digit_classifier.ts";
import { loadDinov2Features } from "../../../src/models/dinov2/load.ts";
import { loadUNet2DCondition } from "../../../src/models/unet2d_condition/load.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { readSchedulerConfig } from "../../../src/sampling/scheduler_config.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { startTestEngine, steadyTensors } from "../../support.ts";
import { CLASSIFICATION, configOf, DIFFUSION, MASKED_IMAGE } from "./tiny_pretraining.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("pretrain() of a diffusion model leaves a folder that can be loaded, and a record of its making", () =>
  withFolder(async (folder) => {
    const config = configOf(DIFFUSION, join(folder, "run"));
    const { weights, metricsFile, steps } = await pretrain(config, {
      command: "deno task adt pretrain x.yaml",
    });
    assert.equal(steps, 2);
    const loaded = await loadUNet2DCondition(weights);
    assert.deepEqual(loaded.config, config.model);
    const tensors = await readTensors(join(weights, "diffusion_pytorch_model.safetensors"));
    assert.ok(Object.values(tensors).every(({ dtype }) => dtype === "F16"));
    assert.equal((await readSchedulerConfig(weights)).beta_schedule, "scaled_linear");

    const record = JSON.parse(await Deno.readTextFile(join(weights, "training.json")));
    const losses = (await readMetrics(metricsFile)).map(({ loss }) => loss as number);
    assert.equal(losses.length, 2);
    assert.equal(record.mean_loss_of_last_100_steps, losses.reduce((a, b) => a + b) / 2);
    assert.deepEqual(record.mean_loss_until, { 1: losses[0], 2: losses[1] });
    assert.deepEqual(record.config, JSON.parse(JSON.stringify(config)));
    assert.deepEqual([record.command, record.seed, record.steps], ["deno task adt pretrain x.yaml", 0, 2]);
  }));

Deno.test("pretrain() stopped and resumed gives bitwise the weights of a run that was never stopped", () =>
  withFolder(async (folder) => {
    const whole = configOf(CLASSIFICATION, join(folder, "whole"), 6);
    const halves = { ...whole, output: join(folder, "halves") };
    const { weights, metricsFile } = await pretrain(whole);

    const stop = new AbortController();
    const onStep = (step: number) => step === 3 ? stop.abort() : undefined;
    const first = await pretrain(halves, { signal: stop.signal, onStep });
    assert.equal(first.steps, 3);
    await assert.rejects(Deno.stat(join(first.weights, "config.json")), Deno.errors.NotFound);
    const second = await pretrain(halves, { resume: true });
    assert.equal(second.steps, 6);

    const bytes = (path: string) => Deno.readFile(join(path, "diffusion_pytorch_model.safetensors"));
    assert.deepEqual(await bytes(second.weights), await bytes(weights));
    assert.equal(await Deno.readTextFile(second.metricsFile), await Deno.readTextFile(metricsFile));
    await loadDigitClassifier(second.weights);
  }));

Deno.test("pretrain() at a constant learning rate goes on for longer than it began with, as if it had begun so", () =>
  withFolder(async (folder) => {
    const constant = (output: string, steps: number): PretrainConfig => {
      const config = configOf(CLASSIFICATION, join(folder, output), steps);
      return { ...config, optimizer: { ...config.optimizer, schedule: "constant" } };
    };
    const whole = await pretrain(constant("whole", 5));
    await pretrain(constant("longer", 3));
    const longer = await pretrain(constant("longer", 5), { resume: true });
    const bytes = (path: string) => Deno.readFile(join(path, "diffusion_pytorch_model.safetensors"));
    assert.deepEqual(await bytes(longer.weights), await bytes(whole.weights));
    await assert.rejects(pretrain(constant("longer", 4), { resume: true }), /train.steps: 5 then, 4 now/);
    const cosine = configOf(CLASSIFICATION, join(folder, "cosine"), 3);
    await pretrain(cosine);
    const more = { ...cosine, train: { ...cosine.train, steps: 5 } };
    await assert.rejects(pretrain(more, { resume: true }), /train.steps: 3 then, 5 now/);
  }));

for (
  const text of [MASKED_IMAGE, MASKED_IMAGE.replace("mask_ratio: 0.5", "mask_ratio: 0.5, class_weight: 0.1")]
) {
  Deno.test(`pretrain() of a backbone leaves a Dinov2Model without the heads it was trained with: ${text.split("\n").at(-2)}`, () =>
    withFolder(async (folder) => {
      const { weights } = await pretrain(configOf(text, join(folder, "run")));
      const { channels } = await loadDinov2Features(weights, [0]);
      assert.deepEqual(channels, [8]);
      const preprocessor = JSON.parse(await Deno.readTextFile(join(weights, "preprocessor_config.json")));
      assert.deepEqual(preprocessor, { image_mean: [0.1, 0.1, 0.1], image_std: [0.3, 0.3, 0.3] });
    }));
}

for (
  const [name, text] of Object.entries({
    DIFFUSION,
    CLASSIFICATION,
    MASKED_IMAGE,
    "MASKED_IMAGE with classes": MASKED_IMAGE.replace(
      "mask_ratio: 0.5",
      "mask_ratio: 0.5, class_weight: 0.1",
    ),
  })
) {
  Deno.test(`pretrain() piles up no tensors: ${name}`, () =>
    withFolder((folder) =>
      steadyTensors((after) => pretrain(configOf(text, join(folder, "run"), 6), { onStep: after }))
    ));
}

Deno.test("pretrain() refuses a model that its objective or the images do not fit", () =>
  withFolder(async (folder) => {
    const cases: [string, RegExp][] = [
      [
        DIFFUSION.replace(/model: .*?,/, "model: { _class_name: AutoencoderKL,"),
        /model is a config for AutoencoderKL, expected UNet/,
      ],
      [
        DIFFUSION.replace("cross_attention_dim: 11", "cross_attention_dim: 10"),
        /cross_attention_dim is 10, the images have 10 classes/,
      ],
      [
        DIFFUSION.replace("sample_size: 14", "sample_size: 28"),
        /model\.sample_size is 28; images of 28×28 pixels need 14/,
      ],
      [
        CLASSIFICATION.replace("num_classes: 10", "num_classes: 9"),
        /num_classes is 9, the images have 10 classes/,
      ],
      [
        MASKED_IMAGE.replace("patch_size: 7", "patch_size: 5"),
        /model\.patch_size is 5, which does not divide/,
      ],
    ];
    for (const [i, [text, message]] of cases.entries()) {
      const config = configOf(text, join(folder, String(i)));
      await assert.rejects(
        pretrain(config),
        (error) => error instanceof UserError && message.test(error.message),
        `case ${i}`,
      );
    }
  }));

Deno.test("the configurations of the bundled models are valid", async () => {
  const folder = new URL("../../../data/models/", import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(folder))).filter(({ name }) => name.endsWith(".yaml"));
  assert.deepEqual(
    files.map(({ name }) => name).sort(),
    [
      "digits-classifier.yaml",
      "digits-dino.yaml",
      "digits-unet.yaml",
      "mini-sd15.yaml",
      "mini-sd3.yaml",
      "mini-sdxl.yaml",
      "mini-text-2.yaml",
      "mini-text.yaml",
      "mini-vae-16.yaml",
      "mini-vae.yaml",
      "pictograms-vit.yaml",
    ],
  );
  for (const { name } of files) {
    parseConfig(await Deno.readTextFile(new URL(name, folder)), name, pretrainSchema);
  }
});
