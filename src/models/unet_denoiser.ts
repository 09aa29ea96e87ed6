import type { Denoiser, PredictionType } from "../sampling/denoiser.ts";
import type { Model } from "./model.ts";
import type { UNet2DConditionConfig, UNetInputs } from "./unet2d_condition.ts";

/**
 * A UNet2DConditionModel as a `Denoiser`, the way sampling and tuning see it; the condition holds
 * `encoder_hidden_states` [B,L,cross_attention_dim].
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { unet2DCondition } from "./unet2d_condition.ts";
 * import { unetDenoiser } from "./unet_denoiser.ts";
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
 * @throws Error from `forward` when the condition has no `encoder_hidden_states`
 */
export function unetDenoiser(
  unet: Model<UNet2DConditionConfig, UNetInputs>,
  predictionType: PredictionType,
): Denoiser {
  return {
    predictionType,
    forward(params, sample, timestep, condition) {
      const { encoder_hidden_states } = condition;
      if (!encoder_hidden_states) {
        const given = Object.keys(condition).join(", ") || "nothing";
        throw new Error(`no encoder_hidden_states in the condition; it has ${given}`);
      }
      return unet.forward(params, { sample, timestep, encoder_hidden_states });
    },
  };
}
