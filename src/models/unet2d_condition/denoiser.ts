import type { Denoiser, PredictionType } from "../../sampling/denoiser.ts";
import type { UNet2DCondition, UNetTextTimeInputs } from "./unet2d_condition.ts";

/**
 * A UNet2DConditionModel as a `Denoiser`, the way sampling and tuning see it; the condition holds
 * `encoder_hidden_states` [B,L,cross_attention_dim] and, for SDXL, `text_embeds` [B,D] and `time_ids` [B,6].
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { unet2DCondition } from "./unet2d_condition.ts";
 * import { unetDenoiser } from "./denoiser.ts";
 * await tf.setBackend("cpu");
 * const unet = unet2DCondition({
 *   in_channels: 1,
 *   out_channels: 1,
 *   block_out_channels: [4],
 *   down_block_types: ["DownBlock2D"],
 *   up_block_types: ["UpBlock2D"],
 *   norm_num_groups: 2,
 *   attention_head_dim: 1,
 *   cross_attention_dim: 3,
 * });
 * const denoiser = unetDenoiser(unet, "epsilon"), params = initParams(unet.declarations, 0);
 * const condition = { encoder_hidden_states: tf.zeros([2, 1, 3]) };
 * console.log(denoiser.forward(params, tf.zeros([2, 4, 4, 1]), tf.tensor1d([0, 999]), condition).shape); // [2, 4, 4, 1]
 * ```
 *
 * @param predictionType what the network was trained to predict; its scheduler config says so
 * @throws Error from `forward` when the condition lacks one of them
 */
export function unetDenoiser(unet: UNet2DCondition, predictionType: PredictionType): Denoiser {
  const needed = ["encoder_hidden_states", ...unet.config.text_time ? ["text_embeds", "time_ids"] : []];
  return {
    predictionType,
    forward(params, sample, timestep, condition) {
      const missing = needed.filter((name) => !condition[name]);
      if (missing.length) {
        const given = Object.keys(condition).join(", ") || "nothing";
        throw new Error(`no ${missing.join(", no ")} in the condition; it has ${given}`);
      }
      return unet.forward(params, { ...condition, sample, timestep } as UNetTextTimeInputs);
    },
  };
}
