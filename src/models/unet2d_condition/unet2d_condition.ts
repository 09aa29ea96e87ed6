import type * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../../nn/declare.ts";
import { conv2d, groupNorm } from "../../nn/layers.ts";
import { UserError } from "../../runtime/errors.ts";
import { silu } from "../../tensor/activations.ts";
import type { Model } from "../model.ts";
import { downBlock, midBlock, upBlock } from "./blocks.ts";
import { parseUNetConfig, type UNet2DConditionConfig } from "./config.ts";
import { inputEmbedding, type TextTimeInputs } from "./embedding.ts";

export type { UNet2DConditionConfig };

export interface UNetInputs {
  /** Noisy latents [B,H,W,in_channels]; H and W divide by 2 for every downsampling level. */
  sample: tf.Tensor;
  /** Timesteps [B]. */
  timestep: tf.Tensor;
  /** Text tokens [B,L,cross_attention_dim]. */
  encoder_hidden_states: tf.Tensor;
}

/** Inputs of a network with `addition_embed_type: "text_time"` (SDXL). */
export interface UNetTextTimeInputs extends UNetInputs, TextTimeInputs {}

/** A network that is a UNet2DConditionModel. */
export type UNet2DCondition = Model<UNet2DConditionConfig, UNetInputs | UNetTextTimeInputs>;

/**
 * diffusers' UNet2DConditionModel (Rombach et al. 2022; Stable Diffusion 1 and 2, SDXL) from its `config.json`.
 * `forward` gives the model output [B,H,W,out_channels]; its weights are named as in the checkpoint.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
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
 * @throws UserError that names every unsupported config value; from `forward`, for a sample whose sides do not divide, and
 * for missing or misshaped inputs of SDXL
 */
export function unet2DCondition(config: Record<string, unknown>): UNet2DCondition {
  const c = parseUNetConfig(config), d: Declarations = {}, widths = c.block_out_channels;
  const convIn = conv2d(d, "conv_in", { in: c.in_channels, out: widths[0]!, kernel: 3 });
  const embed = inputEmbedding(d, c);
  const down = widths.map((_, level) => downBlock(d, c, level));
  const mid = midBlock(d, c);
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
    forward(params, inputs) {
      const { sample, encoder_hidden_states: tokens } = inputs;
      checkSides(sample, 2 ** (widths.length - 1));
      const time = silu(embed(params, inputs));
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
