import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare } from "../../nn/declare.ts";
import { embedding } from "../../nn/embedding.ts";
import { conv2d, layerNorm, linear } from "../../nn/layers.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import type { Model } from "../model.ts";
import { clipEncoder } from "./encoder.ts";
import { type ClipVisionConfig, parseClipVisionConfig } from "./vision_config.ts";

export interface ClipVisionInputs {
  /** Normalised images [B,image_size,image_size,num_channels]. */
  pixel_values: tf.Tensor;
}

export interface ClipVisionOutputs {
  /** The class token after the last layer norm, projected: [B,projection_dim]. */
  image_embeds: tf.Tensor;
  /** The class token and the patches in rows, [B,1+h·w,C], not normalised. */
  last_hidden_state: tf.Tensor;
  /** The embeddings after the first layer norm and the output of every layer, [B,1+h·w,C] each. */
  hidden_states: tf.Tensor[];
}

/**
 * transformers' CLIPVisionModelWithProjection (Radford et al. 2021, a vision transformer) from its `config.json`. An
 * unsupported config value is a `UserError` that names it.
 *
 * ```ts
 * import { clipVisionWithProjection } from "./vision.ts";
 * const sizes = { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2, num_attention_heads: 4 };
 * const image = { image_size: 28, patch_size: 14, num_channels: 3 };
 * const model = clipVisionWithProjection({ ...sizes, ...image, projection_dim: 32 });
 * console.log(model.declarations["vision_model.embeddings.position_embedding.weight"]!.shape); // [5, 64]
 * ```
 */
export function clipVisionWithProjection(
  config: Record<string, unknown>,
): Model<ClipVisionConfig, ClipVisionInputs, ClipVisionOutputs> {
  const c = parseClipVisionConfig(config), d: Declarations = {}, width = c.hidden_size;
  const normalise = { channels: width, eps: c.layer_norm_eps };
  const embed = embeddings(d, c);
  // the name is misspelt in the checkpoints
  const before = layerNorm(d, "vision_model.pre_layrnorm", normalise);
  const encode = clipEncoder(d, c, "vision_model.encoder");
  const after = layerNorm(d, "vision_model.post_layernorm", normalise);
  const project = linear(d, "visual_projection", { in: width, out: c.projection_dim, bias: false });
  return {
    config: c,
    declarations: d,
    forward(params, { pixel_values }) {
      const hidden_states = encode(params, before(params, embed(params, pixel_values)), null);
      const last_hidden_state = hidden_states.at(-1)!;
      const token = last_hidden_state.slice([0, 0, 0], [-1, 1, -1]).squeeze([1]);
      return { image_embeds: project(params, after(params, token)), last_hidden_state, hidden_states };
    },
  };
}

/** Class token, patch projection and positions: [B,H,W,3] → [B,1+h·w,C]. */
function embeddings(d: Declarations, c: ClipVisionConfig): (params: Params, images: tf.Tensor) => tf.Tensor {
  const name = "vision_model.embeddings", width = c.hidden_size;
  const patches = Math.floor(c.image_size / c.patch_size) ** 2;
  const bound = c.initializer_range * Math.sqrt(3);
  const classToken = declare(d, `${name}.class_embedding`, [width], { kind: "uniform", bound });
  const project = conv2d(d, `${name}.patch_embedding`, {
    in: c.num_channels,
    out: width,
    kernel: c.patch_size,
    stride: c.patch_size,
    padding: 0,
    bias: false,
  });
  const size = { count: 1 + patches, width, spread: c.initializer_range };
  const positions = embedding(d, `${name}.position_embedding`, size);
  return (params, images) => {
    const [batch, height, breadth] = images.shape as [number, number, number, number];
    if (height !== c.image_size || breadth !== c.image_size) {
      throw new UserError(
        `a CLIP vision encoder was given images of ${height}×${breadth}, expected ${c.image_size}×${c.image_size}; ` +
          "resize them",
      );
    }
    const tokens = project(params, images).reshape([batch, patches, width]);
    const first = tf.tile(classToken(params).reshape([1, 1, width]), [batch, 1, 1]);
    return tf.concat([first, tokens], 1).add(positions(params, tf.range(0, 1 + patches, 1, "int32")));
  };
}
