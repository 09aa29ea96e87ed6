import { type Autoencoder, spaceToDepth } from "../models/autoencoder.ts";
import { UserError } from "../runtime/errors.ts";

/** Networks on pixels: a latent is the image itself. */
const pixels: Autoencoder = {
  latentShape: (height, width) => [height, width, 3],
  encode: (images) => images.clone(),
  decode: (latents) => latents.clone(),
};

/**
 * How images become the inputs of a UNet: pixels for 3 channels, squares of pixels for 1, 4, 16, … channels.
 *
 * @param side of the latents (`sample_size` of the UNet's config)
 * @returns the autoencoder, and the side of the images
 * @throws UserError for other numbers of channels
 */
export function latentsOf(channels: number, side: number): { autoencoder: Autoencoder; imageSide: number } {
  if (channels === 3) return { autoencoder: pixels, imageSide: side };
  const block = Math.sqrt(channels);
  if (!Number.isInteger(block)) {
    throw new UserError(`the UNet has ${channels} input channels; benchmarks run with 3, 1, 4, 16, …`);
  }
  return { autoencoder: spaceToDepth(block), imageSide: side * block };
}
