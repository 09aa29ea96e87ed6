import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { buildNamedModel } from "../../../src/models/by_class/classes.ts";
import { parseAutoencoderKLConfig } from "../../../src/models/autoencoder_kl/config.ts";
import { parseClipTextConfig } from "../../../src/models/clip/text_config.ts";
import { parseUNetConfig } from "../../../src/models/unet2d_condition/config.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { loadPipeline } from "../../../src/pipelines/load_pipeline.ts";
import { convertSingleFile } from "../../../src/pipelines/single_file/convert.ts";
import { saveParams } from "../../../src/weights/checkpoint.ts";
import type { Config } from "../../../src/weights/config.ts";
import { readTensors, writeTensors } from "../../../src/weights/safetensors.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";
import { temporaryFor } from "../../../src/weights/temporary.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";
import { copyPipeline, editJson } from "../copies.ts";
import { type Tensors, writeOriginal } from "./original.ts";

await startTestEngine();

const PIPELINES = {
  pipeline_sd15: ["unet", "vae", "text_encoder"],
  pipeline_sdxl: ["unet", "vae", "text_encoder", "text_encoder_2"],
  pipeline_sd3: ["transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"],
};

async function weightsIn(folder: string) {
  const file = /text_encoder/.test(folder) ? "model" : "diffusion_pytorch_model";
  const tensors = await readTensors(join(folder, `${file}.safetensors`));
  // transformers writes the encoder's names with this prefix or without it
  return Object.fromEntries(
    Object.entries(tensors).map(([name, x]) => [name.replace(/^text_model\./, ""), x]),
  );
}

for (const [name, components] of Object.entries(PIPELINES)) {
  Deno.test(`${name}: a single file becomes the same folder, and gives the same images`, () =>
    inTempFolder(async (folder) => {
      const file = join(folder, "one.safetensors"), converted = join(folder, "new", "pipeline");
      await writeOriginal(file, name);
      await convertSingleFile(file, converted, { configFrom: fixture(name) });
      for (const component of components) {
        assert.deepEqual(
          await weightsIn(join(converted, component)),
          await weightsIn(join(fixture(name), component)),
          component,
        );
      }
      assert.deepEqual((await Array.fromAsync(Deno.readDir(dirname(converted)))).map(({ name }) => name), [
        "pipeline",
      ]);
      await noLeak(async () => {
        const [ours, theirs] = [await imagesOf(converted), await imagesOf(fixture(name))];
        assert.deepEqual(ours, theirs);
      });
    }));
}

async function imagesOf(source: string, configFrom?: string): Promise<Float32Array> {
  const pipeline = await loadPipeline(source, { configFrom });
  const images = await pipeline.generate({
    prompt: "a photo of a cat",
    steps: 2,
    height: 16,
    width: 16,
    seed: 3,
  });
  try {
    return await images.data() as Float32Array;
  } finally {
    tf.dispose(images);
    pipeline.dispose();
  }
}

Deno.test("weights keep the dtype in which they are stored", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "half.safetensors"), converted = join(folder, "pipeline");
    await writeOriginal(file, "pipeline_sd3", (tensors) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, dtype: "F16" as const }]),
      ));
    await convertSingleFile(file, converted, { configFrom: fixture("pipeline_sd3") });
    const { "norm_out.linear.bias": bias, "transformer_blocks.0.attn.to_k.weight": key } = await weightsIn(
      join(converted, "transformer"),
    );
    const whole = await weightsIn(join(fixture("pipeline_sd3"), "transformer"));
    assert.equal(bias!.dtype, "F16");
    assert.deepEqual(bias!.data, new Float32Array(new Float16Array(whole["norm_out.linear.bias"]!.data)));
    assert.deepEqual(
      key!.data,
      new Float32Array(new Float16Array(whole["transformer_blocks.0.attn.to_k.weight"]!.data)),
    );
  }));

Deno.test("SD3.5: norms of queries and keys, and blocks that attend twice", () =>
  copyPipeline("pipeline_sd3", (template) =>
    inTempFolder(async (folder) => {
      const file = join(folder, "one.safetensors"), converted = join(folder, "pipeline");
      for (const name of ["config.json", "diffusion_pytorch_model.safetensors"]) {
        await Deno.copyFile(join(fixture("mmdit_sd35"), name), join(template, "transformer", name));
      }
      await writeOriginal(file, "pipeline_sd3", undefined, template);
      await convertSingleFile(file, converted, { configFrom: template });
      assert.deepEqual(
        await weightsIn(join(converted, "transformer")),
        await weightsIn(fixture("mmdit_sd35")),
      );
    })));

Deno.test("SD3: the first CLIP's projection is the identity where the file has none", () =>
  copyPipeline("pipeline_sd3", (template) =>
    inTempFolder(async (folder) => {
      const file = join(folder, "one.safetensors"),
        projection = "text_encoders.clip_l.transformer.text_projection";
      const config = join(template, "text_encoder", "config.json");
      await writeOriginal(file, "pipeline_sd3", ({ [`${projection}.weight`]: _, ...tensors }) => tensors);
      await rejectsWith(
        () => convertSingleFile(file, join(folder, "a"), { configFrom: template }),
        /does not fit the text_encoder .* 1 missing: .*clip_l\.transformer\.text_projection/,
      );
      await editJson(config, { projection_dim: 16 });
      await convertSingleFile(file, join(folder, "a"), { configFrom: template });
      const { "text_projection.weight": found } = await weightsIn(join(folder, "a", "text_encoder"));
      assert.deepEqual(found!.shape, [16, 16]);
      assert.ok(found!.data.every((x, i) => x === (i % 17 === 0 ? 1 : 0)));
    })));

Deno.test("without a template, configs follow from the file and the tokenizer is the bundled one", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors"),
      whole = join(folder, "whole"),
      converted = join(folder, "new");
    const configs = await writeFamilySized(whole);
    await writeOriginal(file, "pipeline_sd15", undefined, whole);
    await convertSingleFile(file, converted);
    for (const [component, [parse, config]] of Object.entries(configs)) {
      assert.deepEqual(await weightsIn(join(converted, component)), await weightsIn(join(whole, component)));
      const found = JSON.parse(await Deno.readTextFile(join(converted, component, "config.json")));
      assert.deepEqual(parse(found), parse(config));
    }
    await noLeak(async () => {
      const images = await imagesOf(converted);
      assert.equal(images.length, 16 * 16 * 3);
      assert.ok(images.every(Number.isFinite));
    });
  }));

/** Writes random weights of the fixture's layers in sizes that go with the family's heads, groups and vocabulary. */
async function writeFamilySized(folder: string) {
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(join(fixture("pipeline_sd15"), name, "config.json")));
  const unet = { block_out_channels: [32, 64], norm_num_groups: 32, attention_head_dim: 8, sample_size: 64 };
  const vae = { block_out_channels: [32, 32, 64], norm_num_groups: 32, sample_size: 512 };
  const text = { hidden_size: 64, intermediate_size: 64, num_attention_heads: 1, num_hidden_layers: 1 };
  const configs = {
    unet: [parseUNetConfig, { ...await read("unet"), ...unet, cross_attention_dim: 64 }],
    vae: [parseAutoencoderKLConfig, { ...await read("vae"), ...vae }],
    text_encoder: [
      (config: Config) => parseClipTextConfig(config, "CLIPTextModel"),
      { ...await read("text_encoder"), ...text, vocab_size: 49408, eos_token_id: 49407 },
    ],
  } as const;
  for (const [name, [, config]] of Object.entries(configs)) {
    const params = initParams(buildNamedModel(config, name).declarations, 1);
    const kind = name === "text_encoder" ? "transformers" : "diffusers";
    await saveParams(join(folder, name), config, params, { dtype: "F32", kind });
    tf.dispose(params);
  }
  return configs;
}

Deno.test("averages, schedules and position numbers of the original code are left out; what is unknown is said", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors"), notes: string[] = [];
    const one = { shape: [1], data: new Float32Array(1) };
    await writeOriginal(file, "pipeline_sd15", (tensors) => ({
      ...tensors,
      "model_ema.diffusion_modelout2bias": one,
      alphas_cumprod: one,
      betas: one,
      "cond_stage_model.transformer.text_model.embeddings.position_ids": one,
      "first_stage_model.loss.logvar": one,
      "cond_stage_model.logit_scale": one,
      "my_extra.weight": one,
    }));
    const options = { configFrom: fixture("pipeline_sd15"), onNote: (note: string) => notes.push(note) };
    await convertSingleFile(file, join(folder, "pipeline"), options);
    assert.deepEqual(notes, [`${file}: tensors of no component are left out: my_extra.weight`]);
  }));

Deno.test("SD3 without T5 becomes a pipeline without T5, in a note; without CLIP it is refused", () =>
  inTempFolder(async (folder) => {
    const without = (part: string) => (tensors: Tensors): Tensors =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.includes(part)));
    const template = join(folder, "template"), file = join(folder, "one.safetensors"), notes: string[] = [];
    await writeOriginal(file, "pipeline_sd3", without("t5xxl"));
    await writeOriginal(join(folder, "whole.safetensors"), "pipeline_sd3");
    await convertSingleFile(join(folder, "whole.safetensors"), template, {
      configFrom: fixture("pipeline_sd3"),
    });
    await Deno.remove(join(template, "text_encoder_3", "model.safetensors"));
    await convertSingleFile(file, join(folder, "a"), {
      configFrom: template,
      onNote: (note) => notes.push(note),
    });
    assert.match(notes.join(), /has no text_encoder_3 \(T5\)/);
    (await loadPipeline(join(folder, "a"))).dispose();
    // with its weights there, they are taken over
    await convertSingleFile(file, join(folder, "b"), { configFrom: fixture("pipeline_sd3") });
    assert.deepEqual(
      await weightsIn(join(folder, "b", "text_encoder_3")),
      await weightsIn(join(fixture("pipeline_sd3"), "text_encoder_3")),
    );
    await writeOriginal(file, "pipeline_sd3", without("text_encoders."));
    await rejectsWith(
      () => convertSingleFile(file, join(folder, "c")),
      /lacks its text_encoder and its text_encoder_2; name with --config-from \(configFrom\) the folder of a StableDiffusion3Pipeline/,
    );
    await rejectsWith(
      () => convertSingleFile(join(folder, "whole.safetensors"), join(folder, "c")),
      /lacks the tokenizer of its text_encoder_3; name with --config-from/,
    );
  }));

Deno.test("a folder that holds something is refused, and so are templates of another family; nothing is left behind", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors"), full = join(folder, "full");
    await writeOriginal(file, "pipeline_sd15");
    await Deno.mkdir(full);
    await Deno.writeTextFile(join(full, "mine.txt"), "");
    await rejectsWith(
      () => convertSingleFile(file, full),
      /full is not empty \(it holds mine\.txt\); name a new folder/,
    );
    await rejectsWith(
      () => convertSingleFile(file, join(folder, "x"), { configFrom: fixture("pipeline_sdxl") }),
      /model_index\.json is for StableDiffusionXLPipeline, but .* holds a StableDiffusionPipeline/,
    );
    await rejectsWith(
      () => convertSingleFile(file, join(folder, "x"), { configFrom: full }),
      /model_index\.json .*configs are taken from the folder of a pipeline in diffusers' layout/,
    );
    const stop = new DOMException("stop", "AbortError");
    const options = { configFrom: fixture("pipeline_sd15"), signal: AbortSignal.abort(stop) };
    await assert.rejects(() => convertSingleFile(file, join(folder, "x"), options), stop);
    const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assert.deepEqual(left, ["full", "one.safetensors"]);
  }));

Deno.test("convertSingleFile() removes what it left when it was killed, and nothing of other folders", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors"), made = join(folder, "made");
    await writeOriginal(file, "pipeline_sd15");
    const [left, other] = [made, join(folder, "other")].map(temporaryFor) as [string, string];
    for (const path of [left, other, join(folder, ".made.77.tmp")]) {
      await Deno.mkdir(join(path, "unet"), { recursive: true });
    }
    await convertSingleFile(file, made, { configFrom: fixture("pipeline_sd15") });
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assert.deepEqual(names, [basename(other), "made", "one.safetensors"]);
  }));

Deno.test("a checkpoint's marks of v-prediction and zero terminal SNR go into the scheduler's config", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors"), none = { shape: [0], data: new Float32Array(0) };
    await writeOriginal(file, "pipeline_sdxl", (tensors) => ({ ...tensors, v_pred: none, ztsnr: none }));
    await convertSingleFile(file, join(folder, "new"), { configFrom: fixture("pipeline_sdxl") });
    const read = async (pipeline: string) =>
      JSON.parse(await Deno.readTextFile(join(pipeline, "scheduler", "scheduler_config.json")));
    assert.deepEqual(await read(join(folder, "new")), {
      ...await read(fixture("pipeline_sdxl")),
      prediction_type: "v_prediction",
      rescale_betas_zero_snr: true,
    });
    (await loadPipeline(join(folder, "new"))).dispose();
  }));

Deno.test("what does not fit is listed in one line", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "one.safetensors");
    await writeOriginal(file, "pipeline_sd15", ({ "model.diffusion_model.out.2.bias": _, ...tensors }) => ({
      ...tensors,
      "model.diffusion_model.time_embed.0.bias": { shape: [3], data: new Float32Array(3) },
      "model.diffusion_model.adapter.weight": { shape: [3], data: new Float32Array(3) },
    }));
    await rejectsWith(
      () => convertSingleFile(file, join(folder, "x"), { configFrom: fixture("pipeline_sd15") }),
      /does not fit the unet that .*config\.json describes/,
      /1 missing: model\.diffusion_model\.out\.2\.bias; 1 misshaped: .*time_embed\.0\.bias \[3\], expected \[32\]; 1 unexpected: .*adapter\.weight$/,
    );
  }));

Deno.test("other checkpoints are refused by their right name", () =>
  inTempFolder(async (folder) => {
    const shapes: Record<string, [string, number[]][]> = {
      "Stable Diffusion 2": [["model.diffusion_model.input_blocks.0.0.weight", [8, 4, 3, 3]], [
        "cond_stage_model.model.ln_final.weight",
        [4],
      ]],
      "an inpainting checkpoint": [["model.diffusion_model.input_blocks.0.0.weight", [8, 9, 3, 3]]],
      "the refiner of SDXL": [
        ["model.diffusion_model.input_blocks.0.0.weight", [8, 4, 3, 3]],
        ["model.diffusion_model.label_emb.0.0.weight", [4, 4]],
        ["conditioner.embedders.0.model.ln_final.weight", [4]],
      ],
      "a Flux checkpoint": [["model.diffusion_model.double_blocks.0.img_attn.qkv.weight", [4]]],
      "a denoiser alone": [["down_blocks.0.resnets.0.conv1.weight", [4]]],
      "an autoencoder alone": [["encoder.conv_in.weight", [4]]],
      "a text encoder alone": [["text_model.final_layer_norm.weight", [4]]],
      "a LoRA; give it beside a pipeline": [["lora_unet_mid.lora_down.weight", [4]]],
      "no checkpoint that is known": [["x", [1]]],
    };
    for (const [what, tensors] of Object.entries(shapes)) {
      const file = join(folder, "one.safetensors");
      const zeros = (shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
      await writeTensors(file, Object.fromEntries(tensors.map(([name, shape]) => [name, zeros(shape)])));
      await rejectsWith(
        () => convertSingleFile(file, join(folder, "x")),
        new RegExp(`one.safetensors is ${what}`),
      );
    }
  }));
