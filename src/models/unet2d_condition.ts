import * as tf from "@tensorflow/tfjs";
import { type Declarations, type Layer } from "../nn/declare.ts";
import { conv2d, groupNorm } from "../nn/layers.ts";
import { UserError } from "../runtime/errors.ts";
import { silu } from "../tensor/activations.ts";
import type { Params } from "../tensor/params.ts";
import type { Model } from "./model.ts";
import { downsample, type ResnetBlock, resnetBlock, upsample } from "./resnet_block.ts";
import { sinusoids, timestepMlp } from "./timestep_embedding.ts";
import { type SpatialTransformer, transformer2d } from "./transformer_2d.ts";
import { parseUNetConfig, type UNet2DConditionConfig } from "./unet2d_condition_config.ts";

export type { UNet2DConditionConfig };

export interface UNetInputs {
  /** Noisy latents [B,H,W,in_channels]; H and W divide by 2 for every downsampling level. */
  sample: tf.Tensor;
  /** Timesteps [B]. */
  timestep: tf.Tensor;
  /** Text tokens [B,L,cross_attention_dim]. */
  encoder_hidden_states: tf.Tensor;
}

/**
 * diffusers' UNet2DConditionModel (Rombach et al. 2022; Stable Diffusion 1.x) from its `config.json`.
 * `forward` gives the model output [B,H,W,out_channels]; its weights are named as in the checkpoint.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { unet2DCondition } from "./unet2d_condition.ts";
 * await tf.setBackend("cpu");
 * const model = unet2DCondition({
 *   in_channels: 4,
 *   out_channels: 4,
 *   block_out_channels: [8, 8],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 *   layers_per_block: 1,
 *   norm_num_groups: 4,
 *   attention_head_dim: 2,
 *   cross_attention_dim: 11,
 * });
 * const output = model.forward(initParams(model.declarations, 0), {
 *   sample: tf.zeros([2, 4, 4, 4]),
 *   timestep: tf.tensor1d([999, 0]),
 *   encoder_hidden_states: tf.zeros([2, 1, 11]),
 * });
 * console.log(output.shape, "conv_in.weight" in model.declarations); // [ 2, 4, 4, 4 ] true
 * ```
 *
 * @throws UserError that names every unsupported config value; from `forward`, for a sample whose sides do not divide
 */
export function unet2DCondition(config: Record<string, unknown>): Model<UNet2DConditionConfig, UNetInputs> {
  const c = parseUNetConfig(config), d: Declarations = {};
  const widths = c.block_out_channels, temb = widths[0]! * 4, deepest = widths.at(-1)!;
  const convIn = conv2d(d, "conv_in", { in: c.in_channels, out: widths[0]!, kernel: 3 });
  const timeEmbedding = timestepMlp(d, "time_embedding", { in: widths[0]!, out: temb });
  const down = widths.map((_, level) => downBlock(d, c, level));
  const mid = midBlock(d, c, deepest);
  const up = widths.map((_, i) => upBlock(d, c, i));
  const normOut = groupNorm(d, "conv_norm_out", {
    channels: widths[0]!,
    groups: c.norm_num_groups,
    eps: c.norm_eps,
    silu: true,
  });
  const convOut = conv2d(d, "conv_out", { in: widths[0]!, out: c.out_channels, kernel: 3 });

  return {
    config: c,
    declarations: d,
    forward(params, { sample, timestep, encoder_hidden_states: tokens }) {
      checkSides(sample, 2 ** (widths.length - 1));
      const steps = sinusoids(timestep, widths[0]!, c.flip_sin_to_cos, c.freq_shift);
      const time = silu(timeEmbedding(params, steps));
      let x = convIn(params, sample);
      const skips = [x];
      for (const block of down) x = block(params, x, time, tokens, skips);
      x = mid(params, x, time, tokens);
      for (const block of up) x = block(params, x, time, tokens, skips);
      return convOut(params, normOut(params, x));
    },
  };
}

/** Every level but the lowest halves the sides, and the way up must meet the same sizes. */
function checkSides(sample: tf.Tensor, multiple: number): void {
  const [, height, width] = sample.shape as [number, number, number];
  if (height % multiple === 0 && width % multiple === 0) return;
  throw new UserError(
    `this UNet2DConditionModel cannot take a sample of ${height}×${width}; it needs multiples of ${multiple}`,
  );
}

/** A level of the U; a down block pushes its outputs to `skips`, an up block pops them. */
type Block = (
  params: Params,
  x: tf.Tensor,
  time: tf.Tensor,
  tokens: tf.Tensor,
  skips: tf.Tensor[],
) => tf.Tensor;

function downBlock(d: Declarations, c: UNet2DConditionConfig, level: number): Block {
  const name = `down_blocks.${level}`,
    out = c.block_out_channels[level]!,
    last = level === c.block_out_channels.length - 1;
  const stages = Array.from({ length: c.layers_per_block }, (_, i) => ({
    resnet: resnet(
      d,
      c,
      `${name}.resnets.${i}`,
      i === 0 ? c.block_out_channels[Math.max(0, level - 1)]! : out,
      out,
    ),
    transformer: c.down_block_types[level] === "CrossAttnDownBlock2D"
      ? transformer(d, c, `${name}.attentions.${i}`, out, level)
      : null,
  }));
  const smaller = last ? null : downsample(d, `${name}.downsamplers.0`, out);
  return (params, x, time, tokens, skips) => {
    for (const stage of stages) {
      x = runStage(stage, params, x, time, tokens);
      skips.push(x);
    }
    if (smaller) skips.push(x = smaller(params, x));
    return x;
  };
}

function midBlock(d: Declarations, c: UNet2DConditionConfig, width: number) {
  const first = resnet(d, c, "mid_block.resnets.0", width, width);
  const middle = transformer(d, c, "mid_block.attentions.0", width, c.block_out_channels.length - 1);
  const second = resnet(d, c, "mid_block.resnets.1", width, width);
  return (params: Params, x: tf.Tensor, time: tf.Tensor, tokens: tf.Tensor) =>
    second(params, middle(params, first(params, x, time), tokens), time);
}

function upBlock(d: Declarations, c: UNet2DConditionConfig, index: number): Block {
  const widths = c.block_out_channels, level = widths.length - 1 - index, name = `up_blocks.${index}`;
  const out = widths[level]!,
    before = widths[Math.min(level + 1, widths.length - 1)]!,
    below = widths[Math.max(level - 1, 0)]!;
  const stages = Array.from({ length: c.layers_per_block + 1 }, (_, i) => ({
    resnet: resnet(
      d,
      c,
      `${name}.resnets.${i}`,
      (i === 0 ? before : out) + (i === c.layers_per_block ? below : out),
      out,
    ),
    transformer: c.up_block_types[index] === "CrossAttnUpBlock2D"
      ? transformer(d, c, `${name}.attentions.${i}`, out, level)
      : null,
  }));
  const larger: Layer | null = level === 0 ? null : upsample(d, `${name}.upsamplers.0`, out);
  return (params, x, time, tokens, skips) => {
    for (const stage of stages) x = runStage(stage, params, tf.concat([x, skips.pop()!], 3), time, tokens);
    return larger ? larger(params, x) : x;
  };
}

interface Stage {
  resnet: ResnetBlock;
  transformer: SpatialTransformer | null;
}

function runStage(stage: Stage, params: Params, x: tf.Tensor, time: tf.Tensor, tokens: tf.Tensor): tf.Tensor {
  const h = stage.resnet(params, x, time);
  return stage.transformer ? stage.transformer(params, h, tokens) : h;
}

function resnet(
  d: Declarations,
  c: UNet2DConditionConfig,
  name: string,
  from: number,
  to: number,
): ResnetBlock {
  const temb = c.block_out_channels[0]! * 4;
  return resnetBlock(d, name, { in: from, out: to, temb, groups: c.norm_num_groups, eps: c.norm_eps });
}

function transformer(
  d: Declarations,
  c: UNet2DConditionConfig,
  name: string,
  channels: number,
  level: number,
) {
  return transformer2d(d, name, {
    channels,
    heads: c.heads[level]!,
    layers: 1,
    crossAttentionDim: c.cross_attention_dim,
    groups: c.norm_num_groups,
    useLinearProjection: c.use_linear_projection,
  });
}
