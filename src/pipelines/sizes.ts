import type * as tf from "@tensorflow/tfjs";
import { pixelsPerLatent } from "../models/autoencoder_kl/tiles.ts";
import { UserError } from "../runtime/errors.ts";
import { type Architecture, defaultSize } from "./architecture.ts";

/**
 * A side of the images in pixels: as given, or the default.
 *
 * @throws UserError for a side that the networks do not divide, or that is too large for them
 */
export function checkSide(architecture: Architecture, name: string, given?: number): number {
  const side = given ?? defaultSize(architecture), { multiple, largest, vae } = architecture;
  const factor = pixelsPerLatent(vae.model.config), unit = factor * multiple;
  if (!Number.isInteger(side) || side < unit || side % unit !== 0) {
    throw new UserError(
      `${name}: ${side} pixels; this pipeline makes images with sides that are multiples of ${unit}`,
    );
  }
  if (side > largest * factor) {
    throw new UserError(`${name}: ${side} pixels; this pipeline makes images of at most ${largest * factor}`);
  }
  return side;
}

/** Shape (h, w, c) of the latents of one image. */
export function latentShape({ vae }: Architecture, height: number, width: number): [number, number, number] {
  const factor = pixelsPerLatent(vae.model.config);
  return [height / factor, width / factor, vae.model.config.latent_channels];
}

/**
 * Height and width of the images that image to image starts from.
 *
 * @throws UserError for a tensor that is no image, for as many as neither 1, prompts nor images, and for sizes that the
 * networks do not divide or that are not the ones asked for
 */
export function checkImage(
  architecture: Architecture,
  { shape }: tf.Tensor,
  { prompts, batch, ...wanted }: { prompts: number; batch: number; height?: number; width?: number },
): [number, number] {
  const [images, height, width, channels] = shape.length === 3 ? [1, ...shape] : shape;
  if (shape.length < 3 || shape.length > 4 || channels !== 3) {
    throw new UserError(`image: got shape [${shape}], expected [height,width,3] or [batch,height,width,3]`);
  }
  if (![1, prompts, batch].includes(images!)) {
    throw new UserError(
      `image: ${images} images for ${prompts} prompts and ${batch} images; give one, or one for each`,
    );
  }
  const { height: wantedHeight = height!, width: wantedWidth = width! } = wanted;
  if (height !== wantedHeight || width !== wantedWidth) {
    throw new UserError(
      `image: it has ${height}×${width} pixels, ${wantedHeight}×${wantedWidth} are asked for; resize it before`,
    );
  }
  return [checkSide(architecture, "image height", height), checkSide(architecture, "image width", width)];
}
