import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDigitClassifier } from "../../src/models/digit_classifier.ts";
import { dinov2 } from "../../src/models/dinov2/dinov2.ts";
import { loadDinov2Features } from "../../src/models/dinov2/load.ts";
import { loadUNet2DCondition } from "../../src/models/unet2d_condition/load.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition/unet2d_condition.ts";
import { initParams } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import type { Params } from "../../src/tensor/params.ts";
import { saveParams } from "../../src/weights/checkpoint.ts";
import type { Config } from "../../src/weights/config.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";
import { inTempFolder } from "../weights/support.ts";

await startTestEngine();

const unetConfig: Config = {
  _class_name: "UNet2DConditionModel",
  in_channels: 2,
  out_channels: 2,
  block_out_channels: [4],
  down_block_types: ["DownBlock2D"],
  up_block_types: ["UpBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 2,
  cross_attention_dim: 3,
  attention_head_dim: 2,
};
const vitConfig: Config = {
  architectures: ["Dinov2Model"],
  model_type: "dinov2",
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 4,
};

/** Saves start weights of a config, changed; the change owns what it makes and is handed a copy of the record. */
async function save(folder: string, config: Config, change = (params: Params) => params): Promise<void> {
  const model = config.model_type === "dinov2" ? dinov2(config) : unet2DCondition(config);
  const params = initParams(model.declarations, 0), changed = change({ ...params });
  await saveParams(folder, config, changed, { dtype: "F32", kind: "diffusers" });
  tf.dispose([params, changed]);
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return assert.fail("it was loaded");
}

Deno.test("loadUNet2DCondition() gives back what saveParams() wrote", () =>
  noLeak(() =>
    inTempFolder(async (folder) => {
      await save(folder, unetConfig);
      const { model, params, config } = await loadUNet2DCondition(folder);
      assert.deepEqual(config, unetConfig);
      assert.deepEqual(Object.keys(params), Object.keys(model.declarations));
      const start = initParams(model.declarations, 0);
      assert.deepEqual(await take(...Object.values(params)), await take(...Object.values(start)));
    })
  ));

Deno.test("loadUNet2DCondition() lists every weight that is missing, unexpected or misshaped", () =>
  noLeak(() =>
    inTempFolder(async (folder) => {
      await save(folder, unetConfig, ({ "conv_in.bias": bias, "conv_out.bias": _, ...params }) => ({
        ...params,
        "conv_in.bias": tf.tidy(() => bias!.concat(bias!)),
        "time_embedding.cond_proj.weight": tf.zeros([2, 3]),
      }));
      assert.equal(
        await messageOf(loadUNet2DCondition(folder)),
        `${
          join(folder, "diffusion_pytorch_model.safetensors")
        } does not fit the model that its config describes:\n` +
          "1 missing:\n  conv_out.bias [2]\n" +
          "1 unexpected:\n  time_embedding.cond_proj.weight [2,3]\n" +
          "1 misshaped:\n  conv_in.bias [8], expected [4]\n" +
          "Check that config.json belongs to these weights.",
      );
    })
  ));

Deno.test("loadUNet2DCondition() refuses another model's folder and unsupported values", () =>
  inTempFolder(async (folder) => {
    await save(folder, vitConfig);
    assert.match(
      await messageOf(loadUNet2DCondition(folder)),
      /config\.json is a config for Dinov2Model \/ dinov2, expected UNet2DConditionModel/,
    );
    await save(folder, unetConfig);
    await Deno.writeTextFile(
      join(folder, "config.json"),
      JSON.stringify({ ...unetConfig, class_embed_type: "timestep", dual_cross_attention: true }),
    );
    assert.equal(
      await messageOf(loadUNet2DCondition(folder)),
      "UNet2DConditionModel config.json:\n" +
        '  class_embed_type: "timestep" is not supported, only null\n' +
        "  dual_cross_attention: true is not supported, only false",
    );
    await Deno.remove(join(folder, "config.json"));
    assert.match(await messageOf(loadUNet2DCondition(folder)), /cannot read .*config\.json/);
  }));

Deno.test("loadDigitClassifier() refuses a backbone", () =>
  inTempFolder(async (folder) => {
    await save(folder, vitConfig);
    assert.match(await messageOf(loadDigitClassifier(folder)), /expected DigitClassifier/);
  }));

Deno.test("loadDinov2Features() gives a grid for each block and its channels", () =>
  noLeak(() =>
    inTempFolder(async (folder) => {
      await save(folder, vitConfig);
      const { extractor, channels, params } = await loadDinov2Features(folder, [1, 0]);
      assert.deepEqual(channels, [8, 8]);
      tf.tidy(() => {
        const grids = extractor.patchGrids(random([2, 8, 12, 3]));
        assert.deepEqual(grids.map((grid) => grid.shape), [[2, 2, 3, 8], [2, 2, 3, 8]]);
      });
      tf.dispose(params);
      assert.match(await messageOf(loadDinov2Features(folder, [2])), /blocks \[2\]: expected some of 0 to 1/);
    })
  ));

Deno.test("loadDinov2Features() normalises as the folder's preprocessor_config.json says, else as ImageNet", () =>
  inTempFolder(async (folder) => {
    await save(folder, vitConfig);
    const features = async () => {
      const { extractor, params } = await loadDinov2Features(folder, [1]);
      const [values] = await take(tf.tidy(() => extractor.patchGrids(random([1, 8, 8, 3]))[0]!));
      tf.dispose(params);
      return values;
    };
    const write = (value: unknown) =>
      Deno.writeTextFile(join(folder, "preprocessor_config.json"), JSON.stringify(value));
    const without = await features();
    await write({ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] });
    assert.deepEqual(await features(), without);
    await write({ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] });
    assert.notDeepEqual(await features(), without);
    await write({ image_mean: 0.5 });
    assert.match(await messageOf(features()), /image_mean: expected 3 numbers, got 0\.5/);
  }));
