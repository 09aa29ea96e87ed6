import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { loadConfig } from "../../../src/experiments/config/config.ts";
import { type TuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { dinov2 } from "../../../src/models/dinov2/dinov2.ts";
import { unet2DCondition } from "../../../src/models/unet2d_condition/unet2d_condition.ts";
import { type Declarations, initParams } from "../../../src/nn/declare.ts";
import { saveParams } from "../../../src/weights/checkpoint.ts";
import type { Config } from "../../../src/weights/config.ts";
import { startTestEngine } from "../../support.ts";

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

/** Writes an untrained backbone of one block to a folder. */
export async function saveBackbone(folder: string): Promise<void> {
  await save(folder, dinov2(BACKBONE), BACKBONE, "transformers");
}

/** Gives a test the file of a tuning of 4 steps of an untrained network, with every random choice in it. */
export async function withTuning(test: (config: TuneConfig, file: string) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir(), unet = join(folder, "unet"), backbone = join(folder, "vit");
  await save(unet, unet2DCondition(UNET), UNET, "diffusers");
  await saveBackbone(backbone);
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
train: { steps: 4, batch_size: 2, checkpoint_every: 2 }
output: ${JSON.stringify(join(folder, "run"))}
`;
  const file = join(folder, "tiny.yaml");
  await Deno.writeTextFile(file, text);
  try {
    await test(await loadConfig(file, tuneSchema), file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
