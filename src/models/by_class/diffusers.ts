import { UserError } from "../../runtime/errors.ts";
import type { Config } from "../../weights/config.ts";
import { autoencoderKL } from "../autoencoder_kl/autoencoder_kl.ts";
import { floats, optional } from "../input_spec.ts";
import { unet2DCondition, type UNetTextTimeInputs } from "../unet2d_condition/unet2d_condition.ts";
import type { NamedModel } from "./named_model.ts";

/** Networks of latent diffusion by diffusers' class names, seen through the names of their inputs and outputs. */
export const DIFFUSERS_CLASSES: Readonly<Record<string, (config: Config) => NamedModel>> = {
  AutoencoderKL(config) {
    const { declarations, config: c, decode, encode } = autoencoderKL(config);
    return {
      declarations,
      inputs: {
        latent: optional(floats("B", "h", "w", c.latent_channels)),
        image: optional(floats("N", "H", "W", c.in_channels)),
      },
      call(params, { latent, image }) {
        if (!latent && !image) throw new UserError("inputs of AutoencoderKL: expected latent, image or both");
        return {
          ...latent && { decoded: decode(params, latent) },
          ...image && { ...encode(params, image) },
        };
      },
    };
  },
  UNet2DConditionModel(config) {
    const { declarations, config: c, forward } = unet2DCondition(config);
    const added = { text_embeds: floats("B", "D"), time_ids: floats("B", "n") };
    return {
      declarations,
      inputs: {
        sample: floats("B", "h", "w", c.in_channels),
        timestep: floats("B"),
        encoder_hidden_states: floats("B", "L", c.cross_attention_dim),
        ...c.text_time && added,
      },
      // checkInputs() has made sure that the record has what the specs name
      call: (params, inputs) => ({ sample: forward(params, inputs as unknown as UNetTextTimeInputs) }),
    };
  },
};
