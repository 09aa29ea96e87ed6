import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PretrainConfig, pretrainSchema } from "../../../src/experiments/pretrain/config.ts";
import { pretrain } from "../../../src/experiments/pretrain/pretrain.ts";
import { PLAIN_FOLDER } from "../../../src/experiments/pretrain/text_encoder.ts";
import { clipText, clipTextWithProjection } from "../../../src/models/clip/text.ts";
import { loadTransformersParams } from "../../../src/models/transformers_params.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { normal } from "../../../src/runtime/random.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { writeTensors } from "../../../src/weights/safetensors.ts";
import { noLeak, startTestEngine, steadyTensors } from "../../support.ts";
import { writeCaptions, writeImage } from "../tune/tiny_pipeline_tuning.ts";
import { saveBackbone } from "../tune/tiny_tuning.ts";

await startTestEngine();

const TEXTS = ["a cat", "a red house", "a photo", "a photo of a cat", "red"];
const WIDTH = 6;

const MODEL = {
  architectures: ["CLIPTextModelWithProjection"],
  model_type: "clip_text_model",
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 16,
  projection_dim: 8,
  hidden_act: "gelu",
  bos_token_id: 512,
  eos_token_id: 513,
};

interface Options {
  steps?: number;
  pictures?: boolean;
  rows?: number;
  model?: Record<string, unknown>;
}

/** A training of a tiny encoder on five texts of a teacher, and perhaps on three pictures. */
async function withTraining(
  { steps = 3, pictures = false, rows = TEXTS.length, model = {} }: Options,
  test: (config: PretrainConfig, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir(),
    [teacher, images, backbone] = ["teacher", "images", "vit"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
  await Deno.mkdir(teacher);
  await Deno.mkdir(images);
  await Deno.writeTextFile(
    join(teacher, "texts.json"),
    JSON.stringify({ texts: TEXTS, rows: TEXTS.map((_, i) => i) }),
  );
  const embeddings = normal({ seed: 3, purpose: "teacher", step: 0, sample: 0 }, rows * WIDTH);
  await writeTensors(join(teacher, "embeddings.safetensors"), {
    embeddings: { shape: [rows, WIDTH], data: embeddings, dtype: "F16" },
  });
  for (const i of [0, 1, 2]) await writeImage(join(images, `${i}.png`), i);
  await writeCaptions(images, TEXTS.slice(0, 3));
  await saveBackbone(backbone);
  const tokenizer = fileURLToPath(new URL("../../fixtures/pipeline_sd15/tokenizer", import.meta.url));
  const vocabulary = JSON.parse(await Deno.readTextFile(join(tokenizer, "tokenizer.json"))).model.vocab;
  const size = Math.max(...Object.values<number>(vocabulary)) + 1;
  const config = pretrainSchema.parse({
    model: { ...MODEL, vocab_size: size, bos_token_id: size - 2, eos_token_id: size - 1, ...model },
    objective: {
      kind: "text_encoder",
      tokenizer,
      teacher,
      ...pictures && { pictures: { backbone, blocks: [0] } },
    },
    data: { kind: "folder", path: images, resolution: 28 },
    optimizer: { lr: 1e-2 },
    ema_decay: 0.9,
    train: { steps, batch_size: 3 },
    output: join(folder, "run"),
  });
  try {
    await test(config, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const lossesOf = async (metricsFile: string) =>
  (await readMetrics(metricsFile)).map(({ loss }) => loss as number);

for (const pictures of [false, true]) {
  Deno.test(`pretrain() of a text encoder learns a teacher's embeddings${pictures ? " and pictures" : ""}`, () =>
    withTraining({ steps: 120, pictures }, (config) =>
      steadyTensors(async (after) => {
        const { weights, metricsFile } = await pretrain(config, { onStep: after });
        const losses = await lossesOf(metricsFile);
        const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
        assert.ok(
          mean(losses.slice(-10)) < 0.3 * mean(losses.slice(0, 10)),
          `${losses[0]} to ${losses.at(-1)}`,
        );
        const whole = clipTextWithProjection(await readConfig(weights));
        const plainFolder = join(weights, PLAIN_FOLDER), plain = clipText(await readConfig(plainFolder));
        const params = await loadTransformersParams(weights, whole.declarations);
        const plainParams = await loadTransformersParams(plainFolder, plain.declarations);
        tf.tidy(() => {
          const input_ids = tf.tensor2d([[5, 6, whole.config.eos_token_id]], [1, 3], "int32");
          const a = whole.forward(params, { input_ids }), b = plain.forward(plainParams, { input_ids });
          assert.deepEqual(a.last_hidden_state.dataSync(), b.last_hidden_state.dataSync());
          assert.deepEqual(a.text_embeds.shape, [1, 8]);
        });
        tf.dispose([params, plainParams]);
      })));
}

Deno.test("pretrain() of a text encoder refuses what does not fit", async () => {
  const cases: [Options, (config: PretrainConfig) => PretrainConfig, RegExp][] = [
    [{ rows: 4 }, (c) => c, /expected a list "rows" of 5 numbers from 0 to 3, the embedding of each text/],
    [{ model: { architectures: ["CLIPTextModel"] } }, (c) => c, /expected CLIPTextModelWithProjection/],
    [{ model: { vocab_size: 20 } }, (c) => c, /vocab/],
    [
      {},
      (c) => ({ ...c, objective: { ...c.objective, teacher: "none" } as PretrainConfig["objective"] }),
      /none.embeddings\.safetensors: no such file/,
    ],
  ];
  for (const [options, change, message] of cases) {
    await withTraining(options, (config) =>
      noLeak(() =>
        assert.rejects(
          pretrain(change(config)),
          (error) => error instanceof UserError && message.test(error.message) || assert.fail(`${error}`),
        )
      ));
  }
});
