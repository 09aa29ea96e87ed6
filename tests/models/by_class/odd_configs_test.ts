import assert from "node:assert/strict";
import { buildNamedModel } from "../../../src/models/by_class/classes.ts";
import { classOf, readConfig } from "../../../src/weights/config.ts";
import { bundledPath } from "../../../src/data/bundled.ts";
import { quietly, refused } from "../../refused.ts";
import { fixture } from "../../support.ts";

const CLIP_ENCODER = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
const CLIP_TEXT = [...CLIP_ENCODER, "vocab_size", "max_position_embeddings", "eos_token_id"];
const SIDES = ["image_size", "patch_size", "num_channels"];
const DINOV2 = ["hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio", ...SIDES];

/** Every count that the config of a class has, and a folder with such a config. */
const COUNTS: Record<string, [folder: string, keys: string[]]> = {
  DigitClassifier: [
    await bundledPath("models/digits-classifier"),
    ["image_size", "in_channels", "channels", "strides", "norm_num_groups", "feature_size", "num_classes"],
  ],
  Dinov2Model: [fixture("dinov2"), DINOV2],
  Dinov2WithRegistersModel: [fixture("dinov2_registers"), [...DINOV2, "num_register_tokens"]],
  EfficientNetLite: [
    await bundledPath("models/efficientnet-lite0"),
    [
      "num_channels",
      "image_size",
      "stem_channels",
      "depths",
      "hidden_sizes",
      "expand_ratios",
      "kernel_sizes",
      "strides",
      "head_channels",
      "num_labels",
    ],
  ],
  SqueezeNet: [await bundledPath("models/squeezenet1_1"), ["num_channels", "num_labels"]],
  SD3Transformer2DModel: [
    fixture("mmdit_sd35"),
    [
      "sample_size",
      "patch_size",
      "in_channels",
      "out_channels",
      "num_layers",
      "num_attention_heads",
      "attention_head_dim",
      "joint_attention_dim",
      "pooled_projection_dim",
      "pos_embed_max_size",
      "caption_projection_dim",
      "dual_attention_layers",
    ],
  ],
  AutoencoderKL: [
    fixture("vae_sd15"),
    [
      "in_channels",
      "out_channels",
      "latent_channels",
      "block_out_channels",
      "layers_per_block",
      "norm_num_groups",
      "sample_size",
    ],
  ],
  UNet2DConditionModel: [
    fixture("unet_sdxl"),
    [
      "sample_size",
      "in_channels",
      "out_channels",
      "block_out_channels",
      "layers_per_block",
      "norm_num_groups",
      "cross_attention_dim",
      "attention_head_dim",
      "transformer_layers_per_block",
      "addition_time_embed_dim",
      "projection_class_embeddings_input_dim",
      "freq_shift",
    ],
  ],
  CLIPTextModel: [fixture("clip_text"), CLIP_TEXT],
  CLIPTextModelWithProjection: [fixture("clip_text_projection"), [...CLIP_TEXT, "projection_dim"]],
  CLIPVisionModelWithProjection: [fixture("clip_vision"), [...CLIP_ENCODER, ...SIDES, "projection_dim"]],
  T5EncoderModel: [
    fixture("t5_encoder"),
    [
      "vocab_size",
      "d_model",
      "d_kv",
      "d_ff",
      "num_layers",
      "num_heads",
      "relative_attention_num_buckets",
      "relative_attention_max_distance",
    ],
  ],
};

/** A count as it is, and as an entry of the list that holds it. */
const as = (count: unknown, before: unknown) =>
  Array.isArray(before)
    ? [count, [...before.slice(1), count], Array(1e6).fill(1)]
    : [count, Array(1e6).fill(1)];

for (const [className, [folder, keys]] of Object.entries(COUNTS)) {
  Deno.test(`${className}: a count that no weights can have is refused before anything is built`, () =>
    quietly(async () => {
      const config = await readConfig(folder);
      assert.equal(classOf(config), className);
      for (const key of keys) {
        for (const given of [3e7, 1e308].flatMap((count) => as(count, config[key]))) {
          const began = performance.now();
          const { message } = await refused(
            key,
            () => buildNamedModel({ ...config, [key]: given }, "config.json"),
          );
          assert.match(message, new RegExp(key));
          assert.ok(performance.now() - began < 2000, `${key} took ${performance.now() - began} ms`);
        }
      }
    }));
}

Deno.test("counts that are each allowed, but are too much together, are refused as well", async () => {
  const unet = await readConfig(fixture("unet_sdxl")), dinov2 = await readConfig(fixture("dinov2"));
  for (
    const config of [
      { ...unet, layers_per_block: 500, transformer_layers_per_block: 500 },
      { ...dinov2, image_size: 2e6, patch_size: 1 },
    ]
  ) {
    const { message } = await refused("config", () => buildNamedModel(config, "config.json"));
    assert.match(message, /that the config describes .* lower its/);
  }
});
