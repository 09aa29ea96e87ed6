import * as tf from "@tensorflow/tfjs";
import { block } from "../../nn/checkpointing.ts";
import { type Declarations, declare, type Layer } from "../../nn/declare.ts";
import { conv2d, layerNorm, linear } from "../../nn/layers.ts";
import { gelu, silu } from "../../tensor/activations.ts";
import { attention } from "../../tensor/attention.ts";
import type { Params } from "../../tensor/params.ts";
import type { Model } from "../model.ts";
import { type Dinov2Config, type Dinov2Type, parseDinov2Config } from "./config.ts";
import { interpolatePositions } from "./positions.ts";

export interface Dinov2Inputs {
  /** Normalised images [B,H,W,num_channels]; what lies beyond the last whole patch is ignored. */
  pixel_values: tf.Tensor;
  /** [B,h·w], 1 where a patch is replaced by the mask token (masked-image training), else 0. */
  mask?: tf.Tensor;
}

/** A network that is a Dinov2Model or a Dinov2WithRegistersModel. */
export type Dinov2 = Model<Dinov2Config, Dinov2Inputs, Dinov2Outputs>;

export interface Dinov2Outputs {
  /** After the final layer norm: [CLS], the r registers (if any) and the patches in rows, [B,1+r+h·w,C]. */
  last_hidden_state: tf.Tensor;
  /** The embeddings and the output of every block, [B,1+r+h·w,C] each, not normalised. */
  hidden_states: tf.Tensor[];
}

/**
 * transformers' Dinov2Model (Oquab et al. 2023, a pre-norm vision transformer with layer scale) from its `config.json`.
 * Images may have any size: the position table is interpolated as transformers does. An unsupported config value is a
 * `UserError` that names it.
 *
 * ```ts
 * import { dinov2 } from "./dinov2.ts";
 * const model = dinov2({ hidden_size: 64, num_hidden_layers: 4, num_attention_heads: 4, image_size: 28, patch_size: 4 });
 * console.log(model.declarations["embeddings.position_embeddings"]!.shape); // [1, 50, 64]
 * ```
 */
export function dinov2(config: Record<string, unknown>): Dinov2 {
  return build(config, "dinov2");
}

/**
 * transformers' Dinov2WithRegistersModel (Darcet et al. 2024, "Vision transformers need registers") from its
 * `config.json`: as `dinov2`, with register tokens behind [CLS], and with antialiasing where it interpolates positions.
 *
 * ```ts
 * import { dinov2WithRegisters } from "./dinov2.ts";
 * const sizes = { hidden_size: 64, num_hidden_layers: 4, num_attention_heads: 4, image_size: 28, patch_size: 4 };
 * const model = dinov2WithRegisters({ ...sizes, num_register_tokens: 4 });
 * console.log(model.declarations["embeddings.register_tokens"]!.shape); // [1, 4, 64]
 * ```
 */
export function dinov2WithRegisters(config: Record<string, unknown>): Dinov2 {
  return build(config, "dinov2_with_registers");
}

function build(config: Record<string, unknown>, type: Dinov2Type): Dinov2 {
  const c = parseDinov2Config(config, type), d: Declarations = {};
  const embed = embeddings(d, c, type === "dinov2_with_registers");
  const blocks = Array.from(
    { length: c.num_hidden_layers },
    (_, i) => encoderLayer(d, c, `encoder.layer.${i}`),
  );
  const norm = layerNorm(d, "layernorm", { channels: c.hidden_size, eps: c.layer_norm_eps });
  return {
    config: c,
    declarations: d,
    forward(params, inputs) {
      const hidden_states = [embed(params, inputs)];
      for (const layer of blocks) hidden_states.push(layer(params, hidden_states.at(-1)!));
      return { last_hidden_state: norm(params, hidden_states.at(-1)!), hidden_states };
    },
  };
}

/**
 * Patch projection, [CLS], positions and registers: images → tokens [B,1+r+h·w,C].
 *
 * @param antialias in the interpolation of positions: transformers' class with registers does, with any number of them
 */
function embeddings(
  d: Declarations,
  c: Dinov2Config,
  antialias: boolean,
): (params: Params, inputs: Dinov2Inputs) => tf.Tensor {
  const side = Math.floor(c.image_size / c.patch_size), width = c.hidden_size;
  const start = { kind: "uniform", bound: c.initializer_range * Math.sqrt(3) } as const;
  const cls = declare(d, "embeddings.cls_token", [1, 1, width], start);
  const maskToken = c.use_mask_token
    ? declare(d, "embeddings.mask_token", [1, width], { kind: "constant", value: 0 })
    : null;
  const project = conv2d(d, "embeddings.patch_embeddings.projection", {
    in: c.num_channels,
    out: width,
    kernel: c.patch_size,
    stride: c.patch_size,
    padding: 0,
  });
  const table = declare(d, "embeddings.position_embeddings", [1, 1 + side * side, width], start);
  const count = c.num_register_tokens;
  const registers = count > 0 ? declare(d, "embeddings.register_tokens", [1, count, width], start) : null;
  return (params, { pixel_values, mask }) => {
    const [batch, height, imageWidth] = pixel_values.shape as [number, number, number, number];
    const grid = project(params, pixel_values);
    let patches: tf.Tensor = grid.reshape([batch, -1, width]);
    if (mask) {
      if (!maskToken) {
        throw new Error("a mask was given to a Dinov2Model without mask token (use_mask_token)");
      }
      const hidden = mask.expandDims(-1);
      patches = patches.mul(tf.sub(1, hidden)).add(hidden.mul(maskToken(params)));
    }
    const tokens = tf.concat([tf.tile(cls(params), [batch, 1, 1]), patches], 1);
    const native = height === imageWidth && patches.shape[1] === side * side;
    const size: [number, number] = [grid.shape[1]!, grid.shape[2]!];
    const positions = native ? table(params) : interpolatePositions(table(params), side, size, antialias);
    if (!registers) return tokens.add(positions);
    const [first, rest] = tf.split(tokens.add(positions), [1, size[0] * size[1]], 1) as [
      tf.Tensor,
      tf.Tensor,
    ];
    return tf.concat([first, tf.tile(registers(params), [batch, 1, 1]), rest], 1);
  };
}

/** x + scale₁·attention(norm₁(x)), then x + scale₂·mlp(norm₂(x)). */
function encoderLayer(d: Declarations, c: Dinov2Config, name: string): Layer {
  const norm = { channels: c.hidden_size, eps: c.layer_norm_eps };
  const norm1 = layerNorm(d, `${name}.norm1`, norm);
  const attend = selfAttention(d, c, `${name}.attention`);
  const scale1 = layerScale(d, c, `${name}.layer_scale1`);
  const norm2 = layerNorm(d, `${name}.norm2`, norm);
  const mlp = c.use_swiglu_ffn ? swiglu(d, c, `${name}.mlp`) : twoLayerMlp(d, c, `${name}.mlp`);
  const scale2 = layerScale(d, c, `${name}.layer_scale2`);
  return block(name, (params, x) => {
    const y = x.add(scale1(params, attend(params, norm1(params, x))));
    return y.add(scale2(params, mlp(params, norm2(params, y))));
  });
}

function selfAttention(d: Declarations, c: Dinov2Config, name: string): Layer {
  const size = { in: c.hidden_size, out: c.hidden_size };
  const project = (role: string) => linear(d, `${name}.attention.${role}`, { ...size, bias: c.qkv_bias });
  const query = project("query"), key = project("key"), value = project("value");
  const out = linear(d, `${name}.output.dense`, size);
  return (params, x) =>
    out(params, attention(query(params, x), key(params, x), value(params, x), c.num_attention_heads));
}

function layerScale(d: Declarations, c: Dinov2Config, name: string): Layer {
  const scale = declare(d, `${name}.lambda1`, [c.hidden_size], {
    kind: "constant",
    value: c.layerscale_value,
  });
  return (params, x) => x.mul(scale(params));
}

function twoLayerMlp(d: Declarations, c: Dinov2Config, name: string): Layer {
  const inner = Math.floor(c.hidden_size * c.mlp_ratio);
  const fc1 = linear(d, `${name}.fc1`, { in: c.hidden_size, out: inner });
  const fc2 = linear(d, `${name}.fc2`, { in: inner, out: c.hidden_size });
  return (params, x) => fc2(params, gelu(fc1(params, x)));
}

/** SwiGLU (Shazeer 2020): W_out(silu(x₁)·x₂), [x₁,x₂] = W_in x; two thirds of the MLP's width, rounded up to 8. */
function swiglu(d: Declarations, c: Dinov2Config, name: string): Layer {
  const inner = Math.ceil(Math.floor(Math.floor(c.hidden_size * c.mlp_ratio) * 2 / 3) / 8) * 8;
  const weightsIn = linear(d, `${name}.weights_in`, { in: c.hidden_size, out: 2 * inner });
  const weightsOut = linear(d, `${name}.weights_out`, { in: inner, out: c.hidden_size });
  return (params, x) => {
    const [gate, up] = tf.split(weightsIn(params, x), 2, -1) as [tf.Tensor, tf.Tensor];
    return weightsOut(params, silu(gate).mul(up));
  };
}
