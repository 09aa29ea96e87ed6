import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../src/experiments/config.ts";
import { tune } from "../../src/experiments/tune.ts";
import { type TuneConfig, tuneSchema } from "../../src/experiments/tune_config.ts";
import { dinov2 } from "../../src/models/dinov2.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition.ts";
import { type Declarations, initParams } from "../../src/nn/declare.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { saveParams } from "../../src/weights/checkpoint.ts";
import type { Config } from "../../src/weights/config.ts";
import { startTestEngine } from "../support.ts";

const UNET = {
  _class_name: "UNet2DConditionModel",
  sample_size: 14,
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [4],
  down_block_types: ["CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 2,
  cross_attention_dim: 11,
  attention_head_dim: 2,
};
const BACKBONE = {
  architectures: ["Dinov2Model"],
  model_type: "dinov2",
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  image_size: 28,
  patch_size: 7,
};

async function save(
  folder: string,
  model: { declarations: Declarations },
  config: Config,
  kind: "diffusers" | "transformers",
) {
  const params = initParams(model.declarations, 0);
  await saveParams(folder, config, params, { dtype: "F32", kind });
  tf.dispose(params);
}

/** A tuning of 4 steps of an untrained network, with every random choice in it. */
async function withTuning(test: (config: TuneConfig) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir(), unet = join(folder, "unet"), backbone = join(folder, "vit");
  await save(unet, unet2DCondition(UNET), UNET, "diffusers");
  await save(backbone, dinov2(BACKBONE), BACKBONE, "transformers");
  await Deno.writeTextFile(
    join(unet, "scheduler_config.json"),
    `{"clip_sample": false, "timestep_spacing": "trailing"}`,
  );
  const text = `
model: { unet: ${JSON.stringify(unet)}, scheduler: ${JSON.stringify(unet)} }
sampler: { steps: 3 }
adt: { plan: { kind: stop-input, steps: 1 }, discriminator: { backbone: ${
    JSON.stringify(backbone)
  }, blocks: [0] } }
optimizer: { lr: 1.0e-3, schedule: cosine }
train: { steps: 4, batch_size: 2 }
output: ${JSON.stringify(join(folder, "run"))}
`;
  try {
    await test(parseConfig(text, "tiny.yaml", tuneSchema));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tune() stopped and resumed gives bitwise the state and log of a run that was never stopped", () =>
  withTuning(async (config) => {
    const halves = { ...config, output: `${config.output}-halves` };
    const whole = await tune(config);
    assert.equal(whole.steps, 4);

    const stop = new AbortController();
    const first = await tune(halves, {
      signal: stop.signal,
      onStep: (step) => step === 2 ? stop.abort() : undefined,
    });
    assert.equal(first.steps, 2);
    await assert.rejects(Deno.stat(join(first.weights, "config.json")), Deno.errors.NotFound);
    const second = await tune(halves, { resume: true });
    assert.equal(second.steps, 4);

    assert.equal(await Deno.readTextFile(second.metricsFile), await Deno.readTextFile(whole.metricsFile));
    const bytes = (path: string) => Deno.readFile(join(path, "diffusion_pytorch_model.safetensors"));
    assert.deepEqual(await bytes(second.weights), await bytes(whole.weights));
    const [a, b] = await Promise.all(
      [config, halves].map(({ output }) => loadCheckpoint(join(output, "checkpoints"))),
    );
    assert.deepEqual(Object.keys(a!.tensors), Object.keys(b!.tensors));
    for (const [name, x] of Object.entries(a!.tensors)) {
      assert.deepEqual(await b!.tensors[name]!.data(), await x.data(), name);
    }
    tf.dispose([a!.tensors, b!.tensors]);
  }));

Deno.test("tune() refuses to resume with other settings and leaves the run as it was", () =>
  withTuning(async (config) => {
    const stop = new AbortController();
    await tune(config, { signal: stop.signal, onStep: () => stop.abort() });
    const file = join(config.output, "config.yaml"), began = await Deno.readTextFile(file);
    await assert.rejects(tune({ ...config, ema_decay: 0.5 }, { resume: true }), {
      name: "UserError",
      message: /this run began with other settings:\n {2}ema_decay: 0\.99 then, 0\.5 now\n/,
    });
    assert.equal(await Deno.readTextFile(file), began);
  }));
