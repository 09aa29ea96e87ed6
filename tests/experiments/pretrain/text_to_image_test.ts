import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PretrainConfig, pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { pretrain } from "../../../src/experiments/pretrain/pretrain.ts";
import { varySizes } from "../../../src/experiments/pretrain/varied_sizes.ts";
import { samplePipeline } from "../../../src/experiments/generate/sample_pipeline.ts";
import { loadPipeline } from "../../../src/pipelines/load_pipeline.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { noLeak, startTestEngine, steadyTensors } from "../../support.ts";
import { writeCaptions, writeImage } from "../tune/tiny_pipeline_tuning.ts";

await startTestEngine();

const CLASSES = {
  pipeline_sd15: "StableDiffusionPipeline",
  pipeline_sdxl: "StableDiffusionXLPipeline",
  pipeline_sd3: "StableDiffusion3Pipeline",
} as const;

type Name = keyof typeof CLASSES;

const fixture = (...path: string[]) =>
  fileURLToPath(new URL(["../../fixtures", ...path].join("/"), import.meta.url));

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

/** A training of a recorded tiny pipeline's denoiser on three pictures; the folder is removed after the test. */
async function withTraining(
  name: Name,
  test: (config: PretrainConfig, folder: string) => Promise<void>,
  { objective = {}, captions = ["a cat", "a red house", "a photo of a cat"], steps = 2 } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir(), images = join(folder, "images");
  await Deno.mkdir(images);
  for (const i of [0, 1, 2]) await writeImage(join(images, `${i}.png`), i, 40 + 4 * i);
  if (captions.length) await writeCaptions(images, captions);
  const denoiser = name === "pipeline_sd3" ? "transformer" : "unet";
  const components = Object.entries(await readJson(fixture(name, "model_index.json")))
    .filter(([part, of]) => Array.isArray(of) && of[0] !== null && ![denoiser, "scheduler"].includes(part));
  const config = pretrainSchema.parse({
    model: await readJson(fixture(name, denoiser, "config.json")),
    objective: {
      kind: "text_to_image",
      pipeline: CLASSES[name],
      parts: Object.fromEntries(components.map(([part]) => [part, fixture(name, part)])),
      scheduler: {
        ...await readJson(fixture(name, "scheduler", "scheduler_config.json")),
        ...name !== "pipeline_sd3" && { _class_name: "DDIMScheduler" },
      },
      ...objective,
    },
    data: { kind: "folder", path: images, resolution: 32 },
    optimizer: { lr: 1e-2, schedule: "cosine" },
    train: { steps, batch_size: 2, checkpoint_every: 2 },
    output: join(folder, "run"),
  });
  try {
    await test(config, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const name of Object.keys(CLASSES) as Name[]) {
  Deno.test(`pretrain() of ${CLASSES[name]}'s denoiser leaves a pipeline that draws`, () =>
    withTraining(name, (config) =>
      steadyTensors(async (after) => {
        const { weights } = await pretrain(config, { onStep: after });
        const pipeline = await loadPipeline(weights);
        assert.equal(pipeline.className, CLASSES[name]);
        const images = await pipeline.generate({ prompt: "a cat", steps: 2, height: 32, width: 32, seed: 0 });
        assert.ok((await images.data()).every(Number.isFinite));
        images.dispose();
        pipeline.dispose();
        const ours = await readJson(join(weights, "model_index.json"));
        const theirs = await readJson(fixture(name, "model_index.json"));
        for (const part of Object.keys(ours)) {
          if (!part.startsWith("_") && part !== "scheduler") assert.deepEqual(ours[part], theirs[part], part);
        }
      }), { steps: 4 }));
}

const CLIP_ONLY = ["tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2", "vae"];

Deno.test("pretrain() of SD3's denoiser without T5, some captions left out, leaves a pipeline that draws several prompts", () =>
  withTraining("pipeline_sd3", (config) =>
    noLeak(async () => {
      const { weights } = await pretrain(config), prompts = ["a cat", "a dog"];
      const drawn = await samplePipeline({ pipeline: weights, prompts, n: 2, steps: 2, size: 32, seed: 0 });
      assert.deepEqual(drawn.shape, [4, 32, 32, 3]);
      assert.ok(drawn.data.every(Number.isFinite));
    }), {
    objective: {
      parts: Object.fromEntries(CLIP_ONLY.map((part) => [part, fixture("pipeline_sd3", part)])),
      caption_dropout: 0.5,
    },
    steps: 4,
  }));

Deno.test("pretrain() of a denoiser, stopped and resumed, gives the weights of one that was not", () =>
  withTraining("pipeline_sdxl", async (config, folder) => {
    const halves = { ...config, output: join(folder, "halves") }, stop = new AbortController();
    const onStep = (step: number) => step === 3 ? stop.abort() : undefined;
    const whole = await pretrain(config);
    assert.equal((await pretrain(halves, { signal: stop.signal, onStep })).steps, 3);
    const resumed = await pretrain(halves, { resume: true });
    const bytes = (weights: string) =>
      Deno.readFile(join(weights, "unet/diffusion_pytorch_model.safetensors"));
    assert.deepEqual(await bytes(resumed.weights), await bytes(whole.weights));
  }, { steps: 5, objective: { sizes: { smallest: 8, zoom: 1.5 } } }));

Deno.test("a denoiser learns what it is trained on", () =>
  withTraining("pipeline_sd15", async (config) => {
    const { metricsFile } = await pretrain(config);
    const losses = (await readMetrics(metricsFile)).map(({ loss }) => loss as number);
    const mean = (from: number, to: number) => losses.slice(from, to).reduce((a, b) => a + b) / (to - from);
    assert.ok(mean(100, 150) < 0.9 * mean(0, 50), `${mean(0, 50)} to ${mean(100, 150)}`);
  }, { steps: 150, objective: { min_snr_gamma: 5 } }));

Deno.test("captions that are all left out leave the condition of no text", () =>
  withTraining("pipeline_sd15", async (config, folder) => {
    const losses = async (config: PretrainConfig) =>
      (await readMetrics((await pretrain(config)).metricsFile)).map(({ loss }) => loss);
    const dropped = await losses(config);
    await writeCaptions(config.data.kind === "folder" ? config.data.path : "", ["", "", ""]);
    assert.deepEqual(await losses({ ...config, output: join(folder, "without") }), dropped);
  }, { objective: { caption_dropout: 1 } }));

Deno.test("pretrain() of a denoiser refuses what does not fit, and leaves no tensors", async () => {
  const unet = { sizes: { smallest: 8, zoom: 1.5 } };
  const cases: [
    Name,
    Parameters<typeof withTraining>[2],
    (config: PretrainConfig) => PretrainConfig,
    RegExp,
  ][] = [
    [
      "pipeline_sd15",
      { objective: unet },
      (c) => c,
      /objective\.sizes: the denoiser of a StableDiffusionPipeline is not told/,
    ],
    ["pipeline_sd15", { captions: [] }, (c) => c, /these pictures have no captions/],
    [
      "pipeline_sd15",
      {},
      (c) => ({ ...c, data: { ...c.data, resolution: 64 } as PretrainConfig["data"] }),
      /sample_size 8 and the autoencoder make pictures of 32 pixels; data: the pictures have 64/,
    ],
    [
      "pipeline_sd15",
      { objective: { parts: {} } },
      (c) => c,
      /tokenizer, text_encoder, vae missing; expected folders/,
    ],
    [
      "pipeline_sd3",
      { objective: { pipeline: "StableDiffusionPipeline" } },
      (c) => c,
      /of no use; expected folders for tokenizer, text_encoder, vae/,
    ],
    [
      "pipeline_sd15",
      {},
      (c) => ({ ...c, model: { ...c.model, cross_attention_dim: 24 } }),
      /cross_attention_dim/,
    ],
    [
      "pipeline_sd15",
      {},
      (c) => ({
        ...c,
        objective: {
          ...c.objective,
          parts: { vae: "none", tokenizer: "none", text_encoder: "none" },
        } as PretrainConfig[
          "objective"
        ],
      }),
      /none cannot be copied/,
    ],
  ];
  for (const [name, options, change, message] of cases) {
    await withTraining(name, (config) =>
      noLeak(() =>
        assert.rejects(
          pretrain(change(config)),
          (error) => error instanceof UserError && message.test(error.message) || assert.fail(`${error}`),
        )
      ), options);
  }
});

Deno.test("varySizes() keeps half of the pictures whole, crops where it says, and repeats itself", async () => {
  const side = 16, range = { smallest: 4, zoom: 1.5 }, draw = { seed: 1, step: 2 };
  const ramp = tf.tidy(() =>
    tf.range(0, side).reshape([1, 1, side, 1]).tile([64, side, 1, 3])
  ) as tf.Tensor4D;
  const first = varySizes(ramp, range, draw), second = varySizes(ramp, range, draw);
  assert.deepEqual(first.images.shape, ramp.shape);
  assert.deepEqual(await first.images.data(), await second.images.data());
  assert.deepEqual(first.sizes, second.sizes);
  const columns = await tf.tidy(() => first.images.mean<tf.Tensor4D>([1, 3]))
    .array() as unknown as number[][];
  let whole = 0;
  for (const [i, { original, crop, target }] of first.sizes.entries()) {
    assert.deepEqual(target, [side, side]);
    assert.ok(original[0] >= 4 && original[0] <= side && crop[1] >= 0 && crop[1] <= side / 2);
    if (original[0] === side && columns[i]![side - 1]! === side - 1 && crop[1] === 0) {
      whole++;
      assert.deepEqual(columns[i], Array.from({ length: side }, (_, x) => x));
    }
    if (original[0] === side && crop[1] > 2) {
      assert.ok(columns[i]![0]! > 1, "what lies left of the crop is gone");
    }
  }
  assert.ok(whole > 4 && whole < 40, `${whole} of 64`);
  tf.dispose([ramp, first.images, second.images]);
});
