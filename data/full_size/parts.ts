/** Configs that several pipelines have in common, as their repositories publish them. */
import type { Config } from "../../src/weights/config.ts";

/** A model of one network or, with an index, a pipeline. */
export interface FullSize {
  /** `model_index.json`. */
  index?: Config;
  /** `config.json` of each network, by its folder; "" is the model's own. */
  networks: Record<string, Config>;
  /** `scheduler/scheduler_config.json`, where there is one. */
  scheduler?: Config;
  /** Folders of tokenizers, and the one of the tests' tiny pipelines that is copied: the real ones are not ours to copy. */
  tokenizers: Record<string, string>;
}

export const clipL: Config = {
  architectures: ["CLIPTextModel"],
  model_type: "clip_text_model",
  hidden_act: "quick_gelu",
  hidden_size: 768,
  intermediate_size: 3072,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  max_position_embeddings: 77,
  layer_norm_eps: 1e-5,
  projection_dim: 768,
  vocab_size: 49408,
  bos_token_id: 0,
  eos_token_id: 2,
  pad_token_id: 1,
};

/** OpenCLIP's ViT-bigG/14. */
export const clipG: Config = {
  ...clipL,
  architectures: ["CLIPTextModelWithProjection"],
  hidden_act: "gelu",
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  projection_dim: 1280,
};

/** The encoder of T5 v1.1 XXL. */
export const t5xxl: Config = {
  architectures: ["T5EncoderModel"],
  model_type: "t5",
  d_model: 4096,
  d_kv: 64,
  d_ff: 10240,
  num_layers: 24,
  num_heads: 64,
  feed_forward_proj: "gated-gelu",
  is_gated_act: true,
  dense_act_fn: "gelu_new",
  relative_attention_num_buckets: 32,
  relative_attention_max_distance: 128,
  layer_norm_epsilon: 1e-6,
  vocab_size: 32128,
};

/** The autoencoder of all Stable Diffusion models. */
export function autoencoder(changes: Config): Config {
  return {
    _class_name: "AutoencoderKL",
    act_fn: "silu",
    block_out_channels: [128, 256, 512, 512],
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
    in_channels: 3,
    out_channels: 3,
    latent_channels: 4,
    layers_per_block: 2,
    norm_num_groups: 32,
    sample_size: 512,
    scaling_factor: 0.18215,
    ...changes,
  };
}

/** What the UNets of SD 1.5 and SDXL have in common. */
export const unet: Config = {
  _class_name: "UNet2DConditionModel",
  act_fn: "silu",
  center_input_sample: false,
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 4,
  out_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
};

/** The noise schedule of SD 1.5 and SDXL. */
export const scheduler: Config = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
  clip_sample: false,
  set_alpha_to_one: false,
  steps_offset: 1,
  trained_betas: null,
};
