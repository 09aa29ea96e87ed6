import * as tf from "@tensorflow/tfjs";
import { decode } from "fast-png";
import assert from "node:assert/strict";
import { join } from "node:path";
import { imageFolder } from "../../../src/data/image_folder.ts";
import { type SampledImages, sampleImages } from "../../../src/experiments/generate/sample_images.ts";
import { checkImageOutput, saveImages } from "../../../src/experiments/generate/save_images.ts";
import { unet2DCondition } from "../../../src/models/unet2d_condition/unet2d_condition.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { saveParams } from "../../../src/weights/checkpoint.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";

/** A model of 3 classes and 4×4 images, untrained. */
const MODEL = {
  _class_name: "UNet2DConditionModel",
  sample_size: 2,
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [4],
  down_block_types: ["CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 2,
  cross_attention_dim: 4,
  attention_head_dim: 2,
};

async function withModel(test: (unet: string, folder: string) => Promise<void>): Promise<void> {
  await startTestEngine();
  const folder = await Deno.makeTempDir(), unet = join(folder, "unet");
  const params = initParams(unet2DCondition(MODEL).declarations, 0);
  await saveParams(unet, MODEL, params, { dtype: "F32", kind: "diffusers" });
  tf.dispose(params);
  await Deno.writeTextFile(join(unet, "scheduler_config.json"), `{"_class_name": "DDIMScheduler"}`);
  try {
    await test(unet, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const sampler = { name: "ddim", steps: 2, guidance_scale: 1 } as const;

/** Images that need no model: pixel values rise from image to image. */
function ramp(labels: number[], classes: number): SampledImages {
  const data = Float32Array.from({ length: labels.length * 48 }, (_, i) => -1 + Math.floor(i / 48) / 2);
  return { data, shape: [labels.length, 4, 4, 3], labels, classes };
}

Deno.test("sampleImages() draws the given classes in turn, and image i of a seed from the same noise", () =>
  withModel((unet) =>
    noLeak(async () => {
      const all = await sampleImages({ unet, sampler, seed: 5, n: 4 });
      assert.deepEqual(all.labels, [0, 1, 2, 0]);
      assert.deepEqual(all.shape, [4, 4, 4, 3]);
      const some = await sampleImages({ unet, sampler, seed: 5, classes: [0, 1] });
      assert.deepEqual(some.labels, [0, 1]);
      assertClose(some.data, all.data.slice(0, some.data.length), { absolute: 1e-4 });
      const other = await sampleImages({ unet, sampler, seed: 6, classes: [0, 1] });
      assert.ok(other.data.some((value, i) => Math.abs(value - some.data[i]!) > 0.1));
    })
  ));

Deno.test("sampleImages() refuses classes that the model does not have", () =>
  withModel(async (unet) => {
    await assert.rejects(sampleImages({ unet, sampler, seed: 0, classes: [0, 3] }), {
      name: "UserError",
      message: "the model has no class 3; its 3 classes are 0 to 2",
    });
  }));

Deno.test("saveImages() writes a folder that imageFolder() reads with its labels", () =>
  withModel(async (_, folder) => {
    const path = join(folder, "images");
    await checkImageOutput(path);
    await saveImages(path, ramp([2, 0, 2], 3));
    const read = await imageFolder(path, { resolution: 4, strict: true });
    const { images, labels } = await read.get([0, 1, 2]);
    assert.deepEqual(labels, Int32Array.of(2, 0, 2));
    const firstPixels = (await images.slice([0, 0, 0, 0], [3, 1, 1, 1]).data()).map((x) =>
      Math.round(x * 100)
    );
    assert.deepEqual(firstPixels, Float32Array.of(-100, -50, 0));
    await assert.rejects(checkImageOutput(path), (error) => {
      return error instanceof UserError &&
        /is not empty .*; choose a new or empty folder/.test(error.message);
    });
  }));

Deno.test("saveImages() writes one picture with a class a column, where the path ends in .png", () =>
  withModel(async (_, folder) => {
    const path = join(folder, "grid.png");
    await checkImageOutput(path);
    await saveImages(path, ramp([0, 1, 0, 1, 0, 1], 2));
    const { width, height } = decode(await Deno.readFile(path));
    assert.equal(height, width / 2 * 3);
    await assert.rejects(
      checkImageOutput(join(folder, "none", "grid.png")),
      /there is no folder .*none; create it first/,
    );
  }));
