import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import type { Params } from "../../tensor/params.ts";
import { downsample, type ResnetBlock, resnetBlock, upsample } from "../resnet_block.ts";
import type { UNet2DConditionConfig } from "./config.ts";
import { type SpatialTransformer, transformer2d } from "./transformer_2d.ts";

/** x [B,h,w,C], silu(embedding of the timestep and what is added to it) [B,temb], text tokens [B,L,D] → [B,h,w,C']. */
export type UNetBlock = (params: Params, x: tf.Tensor, time: tf.Tensor, tokens: tf.Tensor) => tf.Tensor;

/** A level of the U; a down block pushes its outputs to `skips`, an up block pops them. */
export type UNetLevel = (
  params: Params,
  x: tf.Tensor,
  time: tf.Tensor,
  tokens: tf.Tensor,
  skips: tf.Tensor[],
) => tf.Tensor;

/** Width of the time embedding. */
export function timeWidth(c: UNet2DConditionConfig): number {
  return c.block_out_channels[0]! * 4;
}

/** DownBlock2D or CrossAttnDownBlock2D; every level but the lowest halves the sides at its end. */
export function downBlock(d: Declarations, c: UNet2DConditionConfig, level: number): UNetLevel {
  const name = `down_blocks.${level}`,
    out = c.block_out_channels[level]!,
    last = level === c.block_out_channels.length - 1;
  const attends = c.down_block_types[level] === "CrossAttnDownBlock2D";
  const stages = Array.from({ length: c.layers_per_block }, (_, i) => {
    const from = i === 0 ? c.block_out_channels[Math.max(0, level - 1)]! : out;
    return stage(d, c, { name, index: i, from, to: out, level, attends });
  });
  const smaller = last ? null : downsample(d, `${name}.downsamplers.0`, out);
  return (params, x, time, tokens, skips) => {
    for (const stage of stages) skips.push(x = stage(params, x, time, tokens));
    if (smaller) skips.push(x = smaller(params, x));
    return x;
  };
}

/** Two residual blocks around a transformer, one residual block, or nothing. */
export function midBlock(d: Declarations, c: UNet2DConditionConfig): UNetBlock {
  if (c.mid_block_type === null) return (_params, x) => x;
  const level = c.block_out_channels.length - 1, width = c.block_out_channels[level]!;
  const first = resnet(d, c, "mid_block.resnets.0", width, width);
  if (c.mid_block_type === "UNetMidBlock2D") return first;
  const middle = transformer(d, c, "mid_block.attentions.0", level);
  const second = resnet(d, c, "mid_block.resnets.1", width, width);
  return (params, x, time, tokens) => second(params, middle(params, first(params, x, time), tokens), time);
}

/** UpBlock2D or CrossAttnUpBlock2D, counted from the lowest level; every one but the last doubles the sides at its end. */
export function upBlock(d: Declarations, c: UNet2DConditionConfig, index: number): UNetLevel {
  const widths = c.block_out_channels, level = widths.length - 1 - index, name = `up_blocks.${index}`;
  const out = widths[level]!,
    before = widths[Math.min(level + 1, widths.length - 1)]!,
    below = widths[Math.max(level - 1, 0)]!;
  const attends = c.up_block_types[index] === "CrossAttnUpBlock2D";
  const stages = Array.from({ length: c.layers_per_block + 1 }, (_, i) => {
    const from = (i === 0 ? before : out) + (i === c.layers_per_block ? below : out);
    return stage(d, c, { name, index: i, from, to: out, level, attends });
  });
  const larger = level === 0 ? null : upsample(d, `${name}.upsamplers.0`, out);
  return (params, x, time, tokens, skips) => {
    for (const stage of stages) x = stage(params, tf.concat([x, skips.pop()!], 3), time, tokens);
    return larger ? larger(params, x) : x;
  };
}

interface StagePlace {
  /** Of the level. */
  name: string;
  index: number;
  /** Channels before and after. */
  from: number;
  to: number;
  level: number;
  attends: boolean;
}

/** A residual block, and a transformer behind it on levels that attend. */
function stage(d: Declarations, c: UNet2DConditionConfig, place: StagePlace): UNetBlock {
  const { name, index, from, to, level, attends } = place;
  const block = resnet(d, c, `${name}.resnets.${index}`, from, to);
  if (!attends) return block;
  const attend = transformer(d, c, `${name}.attentions.${index}`, level);
  return (params, x, time, tokens) => attend(params, block(params, x, time), tokens);
}

function resnet(
  d: Declarations,
  c: UNet2DConditionConfig,
  name: string,
  from: number,
  to: number,
): ResnetBlock {
  return resnetBlock(d, name, {
    in: from,
    out: to,
    temb: timeWidth(c),
    groups: c.norm_num_groups,
    eps: c.norm_eps,
  });
}

function transformer(
  d: Declarations,
  c: UNet2DConditionConfig,
  name: string,
  level: number,
): SpatialTransformer {
  return transformer2d(d, name, {
    channels: c.block_out_channels[level]!,
    heads: c.heads[level]!,
    layers: c.transformer_layers_per_block[level]!,
    crossAttentionDim: c.cross_attention_dim,
    groups: c.norm_num_groups,
    useLinearProjection: c.use_linear_projection,
  });
}
