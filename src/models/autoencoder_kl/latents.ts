import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import type { Autoencoder } from "../autoencoder.ts";
import { type AutoencoderKL, scaleLatents, unscaleLatents } from "./autoencoder_kl.ts";
import { pixelsPerLatent, tiledDecode } from "./tiles.ts";

export interface LatentOptions {
  /** Decodes in tiles of this side, in latent positions (see `tiledDecode`); default: whole. */
  tile?: number;
}

/**
 * An AutoencoderKL with its weights as the `Autoencoder` that sampling and tuning use. Latents are scaled as the diffusion
 * model has them; an image's latents are the mean of its posterior.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../../nn/declare.ts";
 * import { autoencoderKL } from "./autoencoder_kl.ts";
 * import { latentAutoencoder } from "./latents.ts";
 * await tf.setBackend("cpu");
 * const sizes = { in_channels: 3, out_channels: 3, latent_channels: 4, layers_per_block: 1, norm_num_groups: 2, sample_size: 8 };
 * const types = { down_block_types: ["DownEncoderBlock2D"], up_block_types: ["UpDecoderBlock2D"] };
 * const model = autoencoderKL({ ...sizes, ...types, block_out_channels: [4] });
 * const autoencoder = latentAutoencoder(model, initParams(model.declarations, 0));
 * console.log(autoencoder.latentShape(8, 12), autoencoder.encode(tf.zeros([1, 8, 12, 3])).shape); // [ 8, 12, 4 ] [ 1, 8, 12, 4 ]
 * ```
 *
 * @param params the model's weights, which the result reads at every call; they stay the caller's
 * @throws UserError for a model of images without three channels; from `encode` and `latentShape` for images whose sides
 * the model does not divide
 */
export function latentAutoencoder(
  model: AutoencoderKL,
  params: Params,
  { tile }: LatentOptions = {},
): Autoencoder {
  const { config } = model, factor = pixelsPerLatent(config);
  if (config.in_channels !== 3 || config.out_channels !== 3) {
    throw new UserError(
      `this AutoencoderKL reads ${config.in_channels} and gives ${config.out_channels} channels, expected 3 for images`,
    );
  }
  const latentShape = (height: number, width: number): [number, number, number] => {
    if (height % factor === 0 && width % factor === 0) {
      return [height / factor, width / factor, config.latent_channels];
    }
    throw new UserError(
      `this AutoencoderKL cannot encode ${height}×${width} pixels; it needs multiples of ${factor}`,
    );
  };
  return {
    latentShape,
    encode(images) {
      const [, height, width] = images.shape as [number, number, number];
      latentShape(height, width);
      return scaleLatents(config, model.encode(params, images).mean);
    },
    decode(latents) {
      const z = unscaleLatents(config, latents);
      return tile === undefined ? model.decode(params, z) : tiledDecode(model, params, z, tile);
    },
  };
}
