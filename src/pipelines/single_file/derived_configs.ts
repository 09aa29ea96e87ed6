import type { Config } from "../../weights/config.ts";
import type { FamilyName, Shapes } from "./family.ts";

/** Makes the config of a component from the shapes of its tensors, whose names are without the component's prefix. */
export type DeriveConfig = (shapes: Shapes, family: FamilyName) => Config;

/** Width of a head wherever the number of heads follows from the width. */
const HEAD = 64;

/**
 * Stable Diffusion's or SDXL's UNet: sizes from the shapes; the number of heads, which no shape tells, is the family's: 8,
 * or one for every 64 channels.
 */
export const unetConfig: DeriveConfig = (shapes, family) => {
  const levels = unetLevels(shapes), transformer = shapesAfter(shapes, /^middle_block\.1\./);
  const types = levels.map(({ depth }) => depth > 0), sdxl = family === "sdxl";
  const widths = levels.map(({ width }) => width),
    middle = blocksIn(transformer, /^transformer_blocks\.(\d+)\./);
  return {
    _class_name: "UNet2DConditionModel",
    sample_size: sdxl ? 128 : 64,
    in_channels: dim(shapes, "input_blocks.0.0.weight", 1),
    out_channels: dim(shapes, "out.2.weight", 0),
    block_out_channels: widths,
    layers_per_block: levels[0]!.resnets,
    down_block_types: types.map((attends) => attends ? "CrossAttnDownBlock2D" : "DownBlock2D"),
    up_block_types: types.toReversed().map((attends) => attends ? "CrossAttnUpBlock2D" : "UpBlock2D"),
    mid_block_type: middle > 0 ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D",
    transformer_layers_per_block: levels.map(({ depth }, i) =>
      depth || (i === levels.length - 1 && middle) || 1
    ),
    attention_head_dim: sdxl ? widths.map((width) => Math.max(1, width / HEAD)) : 8,
    cross_attention_dim: dim(transformer, "transformer_blocks.0.attn2.to_k.weight", 1),
    use_linear_projection: transformer.get("proj_in.weight")?.length === 2,
    ...sdxl && {
      addition_embed_type: "text_time",
      addition_time_embed_dim: 256,
      projection_class_embeddings_input_dim: dim(shapes, "label_emb.0.0.weight", 1),
    },
  };
};

/** Levels of the way down: width, residual blocks, and transformer blocks behind each. */
function unetLevels(shapes: Shapes): { width: number; resnets: number; depth: number }[] {
  const levels = [{ width: 0, resnets: 0, depth: 0 }];
  for (let i = 1; i < blocksIn(shapes, /^input_blocks\.(\d+)\./); i++) {
    const level = levels.at(-1)!, width = dim(shapes, `input_blocks.${i}.0.in_layers.2.weight`, 0);
    if (width === 0) {
      levels.push({ width: 0, resnets: 0, depth: 0 });
      continue;
    }
    const depth = blocksIn(shapes, new RegExp(`^input_blocks\\.${i}\\.1\\.transformer_blocks\\.(\\d+)\\.`));
    Object.assign(level, { width, resnets: level.resnets + 1, depth });
  }
  return levels;
}

/** The autoencoder; the scale of its latents is the family's. */
export const vaeConfig: DeriveConfig = (shapes, family) => {
  const levels = blocksIn(shapes, /^encoder\.down\.(\d+)\./);
  const scale = {
    sd15: { sample_size: 512, scaling_factor: 0.18215 },
    sdxl: { sample_size: 1024, scaling_factor: 0.13025 },
    sd3: { sample_size: 1024, scaling_factor: 1.5305, shift_factor: 0.0609 },
  }[family];
  return {
    _class_name: "AutoencoderKL",
    ...scale,
    in_channels: dim(shapes, "encoder.conv_in.weight", 1),
    out_channels: dim(shapes, "decoder.conv_out.weight", 0),
    latent_channels: dim(shapes, "decoder.conv_in.weight", 1),
    block_out_channels: Array.from(
      { length: levels },
      (_, i) => dim(shapes, `encoder.down.${i}.block.0.conv1.weight`, 0),
    ),
    layers_per_block: blocksIn(shapes, /^encoder\.down\.0\.block\.(\d+)\./),
    norm_num_groups: 32,
    down_block_types: new Array(levels).fill("DownEncoderBlock2D"),
    up_block_types: new Array(levels).fill("UpDecoderBlock2D"),
    use_quant_conv: shapes.has("quant_conv.weight"),
    use_post_quant_conv: shapes.has("post_quant_conv.weight"),
    mid_block_add_attention: shapes.has("encoder.mid.attn_1.q.weight"),
  };
};

/** SD3's transformer; a head is 64 wide in all sizes. */
export const mmditConfig: DeriveConfig = (shapes) => {
  const width = dim(shapes, "context_embedder.weight", 0), patch = dim(shapes, "x_embedder.proj.weight", 2);
  const layers = blocksIn(shapes, /^joint_blocks\.(\d+)\./);
  return {
    _class_name: "SD3Transformer2DModel",
    sample_size: 128,
    patch_size: patch,
    in_channels: dim(shapes, "x_embedder.proj.weight", 1),
    out_channels: dim(shapes, "final_layer.linear.weight", 0) / patch ** 2,
    num_layers: layers,
    num_attention_heads: width / HEAD,
    attention_head_dim: HEAD,
    caption_projection_dim: width,
    joint_attention_dim: dim(shapes, "context_embedder.weight", 1),
    pooled_projection_dim: dim(shapes, "y_embedder.mlp.0.weight", 1),
    pos_embed_max_size: Math.sqrt(dim(shapes, "pos_embed", 1)),
    dual_attention_layers: Array.from({ length: layers }, (_, i) => i)
      .filter((i) => shapes.has(`joint_blocks.${i}.x_block.attn2.qkv.weight`)),
    qk_norm: shapes.has("joint_blocks.0.x_block.attn.ln_q.weight") ? "rms_norm" : null,
  };
};

/** OpenAI's CLIP in transformers' names. */
export function clipConfig(className: "CLIPTextModel" | "CLIPTextModelWithProjection"): DeriveConfig {
  return (shapes) => {
    const bare = new Map([...shapes].map(([name, shape]) => [name.replace(/^text_model\./, ""), shape]));
    const [vocab = 0, width = 0] = bare.get("embeddings.token_embedding.weight") ?? [];
    return clip(className, width, vocab, {
      hidden_act: "quick_gelu",
      intermediate_size: dim(bare, "encoder.layers.0.mlp.fc1.weight", 0),
      max_position_embeddings: dim(bare, "embeddings.position_embedding.weight", 0),
      num_hidden_layers: blocksIn(bare, /^encoder\.layers\.(\d+)\./),
      projection_dim: dim(bare, "text_projection.weight", 0) || width,
    });
  };
}

/** OpenCLIP's text encoder in transformers' names, as SD3's files have it. */
export const bigClipConfig: DeriveConfig = (shapes, family) => ({
  ...clipConfig("CLIPTextModelWithProjection")(shapes, family),
  hidden_act: "gelu",
});

/** OpenCLIP's text encoder in its own names, as SDXL's files have it. */
export const openClipConfig: DeriveConfig = (shapes) => {
  const [vocab = 0, width = 0] = shapes.get("token_embedding.weight") ?? [];
  return clip("CLIPTextModelWithProjection", width, vocab, {
    hidden_act: "gelu",
    intermediate_size: dim(shapes, "transformer.resblocks.0.mlp.c_fc.weight", 0),
    max_position_embeddings: dim(shapes, "positional_embedding", 0),
    num_hidden_layers: blocksIn(shapes, /^transformer\.resblocks\.(\d+)\./),
    projection_dim: dim(shapes, "text_projection", 1) || dim(shapes, "text_projection.weight", 0),
  });
};

function clip(className: string, width: number, vocab: number, rest: Config): Config {
  return {
    architectures: [className],
    model_type: "clip_text_model",
    vocab_size: vocab,
    hidden_size: width,
    num_attention_heads: width / HEAD,
    layer_norm_eps: 1e-5,
    bos_token_id: vocab - 2,
    eos_token_id: vocab - 1,
    ...rest,
  };
}

/** T5's encoder. */
export const t5Config: DeriveConfig = (shapes) => {
  const first = "encoder.block.0.layer.0.SelfAttention.",
    gated = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight";
  const [buckets = 0, heads = 0] = shapes.get(`${first}relative_attention_bias.weight`) ?? [];
  const [inner = 0, width = 0] = shapes.get(`${first}q.weight`) ?? [];
  const table = shapes.has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
  return {
    architectures: ["T5EncoderModel"],
    model_type: "t5",
    vocab_size: dim(shapes, table, 0),
    d_model: width,
    d_kv: inner / heads,
    d_ff: dim(shapes, "encoder.block.0.layer.1.DenseReluDense.wo.weight", 1),
    num_layers: blocksIn(shapes, /^encoder\.block\.(\d+)\./),
    num_heads: heads,
    relative_attention_num_buckets: buckets,
    relative_attention_max_distance: 128,
    layer_norm_epsilon: 1e-6,
    feed_forward_proj: shapes.has(gated) ? "gated-gelu" : "relu",
  };
};

/** One side of a tensor; 0 where it is not there, which its network's own check of sizes reports. */
function dim(shapes: Shapes, name: string, axis: number): number {
  return shapes.get(name)?.[axis] ?? 0;
}

/** One more than the highest number in the place that the pattern captures. */
function blocksIn(shapes: Shapes, pattern: RegExp): number {
  return Math.max(-1, ...shapes.keys().map((name) => Number(pattern.exec(name)?.[1] ?? -1))) + 1;
}

function shapesAfter(shapes: Shapes, prefix: RegExp): Shapes {
  return new Map(
    [...shapes].filter(([name]) => prefix.test(name)).map(([n, s]) => [n.replace(prefix, ""), s]),
  );
}
