import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare } from "../../nn/declare.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import { quoted } from "../../runtime/wording.ts";
import { isRecord } from "../../weights/config.ts";
import { type Loaded, loadNetwork } from "../loaded.ts";
import { loadTransformersParams } from "../transformers_params.ts";
import { type ClipTextInputs, clipTextWithProjection } from "./text.ts";
import { clipVisionWithProjection } from "./vision.ts";

/** Both towers of CLIP over one record of weights. */
export interface Clip {
  readonly declarations: Declarations;
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /** Width D of the embeddings. */
  readonly projectionDim: number;
  /** Normalised images [B,S,S,3] → embeddings [B,D], of any length. */
  embedImages(params: Params, pixel_values: tf.Tensor): tf.Tensor2D;
  /** Tokens [B,L] → embeddings [B,D], of any length. */
  embedTexts(params: Params, inputs: ClipTextInputs): tf.Tensor2D;
}

/** What transformers assumes where a CLIPModel's `config.json` says nothing. */
const DEFAULTS = {
  text_config: {
    hidden_size: 512,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    vocab_size: 49408,
    max_position_embeddings: 77,
  },
  vision_config: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    image_size: 224,
    patch_size: 32,
  },
  projection_dim: 512,
} as const;

/**
 * transformers' CLIPModel (Radford et al. 2021) from its `config.json`: OpenAI's networks, and OpenCLIP's (such as the
 * ViT-H/14 that HPSv2 was tuned from) in transformers' layout. An unsupported config value is a `UserError` that names it.
 *
 * ```ts
 * import { clip } from "./clip.ts";
 * const sizes = { hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 };
 * const model = clip({ text_config: sizes, vision_config: sizes, projection_dim: 4 });
 * console.log(model.imageSize, model.declarations["text_projection.weight"]!.shape); // 224 [ 4, 8 ]
 * ```
 */
export function clip(config: Record<string, unknown>): Clip {
  const part = (key: "text_config" | "vision_config") => {
    const given = config[key] ?? {};
    if (!isRecord(given)) {
      throw new UserError(`CLIPModel config.json: ${key}: expected an object, got ${quoted(given)}`);
    }
    const projection_dim = config.projection_dim ?? DEFAULTS.projection_dim;
    return { ...DEFAULTS[key], ...given, projection_dim };
  };
  const text = clipTextWithProjection(part("text_config"));
  const vision = clipVisionWithProjection(part("vision_config"));
  const declarations = { ...text.declarations, ...vision.declarations };
  declare(declarations, "logit_scale", [], { kind: "constant", value: Math.log(1 / 0.07) });
  return {
    declarations,
    imageSize: vision.config.image_size,
    projectionDim: vision.config.projection_dim,
    embedImages: (params, pixel_values) =>
      vision.forward(params, { pixel_values }).image_embeds as tf.Tensor2D,
    embedTexts: (params, inputs) => text.forward(params, inputs).text_embeds as tf.Tensor2D,
  };
}

/** Loads a CLIPModel from a folder in transformers' layout; errors as `loadNetwork`. */
export function loadClip(folder: string): Promise<Loaded<Clip>> {
  return loadNetwork(folder, "CLIPModel", clip, loadTransformersParams);
}

/** Rows of [B,D] divided by their lengths. */
export function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return x.div(x.square().sum(1, true).sqrt());
}
