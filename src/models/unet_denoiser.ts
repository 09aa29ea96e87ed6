import type { Denoiser, PredictionType } from "../sampling/denoiser.ts";
import type { Model } from "./model.ts";
import type { UNet2DConditionConfig, UNetInputs } from "./unet2d_condition.ts";

/** A UNet2DConditionModel as a `Denoiser`; the condition holds `encoder_hidden_states` [B,L,D]. */
export function unetDenoiser(
  unet: Model<UNet2DConditionConfig, UNetInputs>,
  predictionType: PredictionType,
): Denoiser {
  return {
    predictionType,
    forward: (params, sample, timestep, condition) =>
      unet.forward(params, { sample, timestep, encoder_hidden_states: condition.encoder_hidden_states! }),
  };
}
