import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";

/** Between images [B,H,W,3] in [−1,1] and the latents [B,h,w,c] a diffusion model works on. Both ways differentiable. */
export interface Autoencoder {
  /** Shape (h, w, c) of one latent for images of the given height and width in pixels. */
  latentShape(height: number, width: number): [number, number, number];
  /** Images [B,H,W,3] → latents [B,h,w,c]. */
  encode(images: tf.Tensor): tf.Tensor;
  /** Latents [B,h,w,c] → images [B,H,W,3]; not clipped. */
  decode(latents: tf.Tensor): tf.Tensor;
}

/**
 * The autoencoder of small gray images: each `block`×`block` square of pixels becomes the channels of one latent
 * position (28×28 digits → 14×14×4). Lossless on gray images and without weights; it plays the role of Stable
 * Diffusion's AutoencoderKL. Colours are averaged away.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { spaceToDepth } from "./autoencoder.ts";
 * const digits = spaceToDepth(2);
 * console.log(digits.encode(tf.zeros([1, 28, 28, 3])).shape); // [1, 14, 14, 4]
 * ```
 *
 * @param block side of a square, in pixels
 * @throws UserError from `encode` and `latentShape` when an image does not divide into squares
 */
export function spaceToDepth(block: number): Autoencoder {
  const check = (height: number, width: number) => {
    if (height % block === 0 && width % block === 0) return;
    throw new UserError(
      `images of ${height}×${width} pixels do not divide into squares of ${block}×${block}; choose multiples of ${block}`,
    );
  };
  return {
    latentShape(height, width) {
      check(height, width);
      return [height / block, width / block, block * block];
    },
    encode(images) {
      const [batch, height, width] = images.shape as [number, number, number, number];
      check(height, width);
      return images.mean(3)
        .reshape([batch, height / block, block, width / block, block])
        .transpose([0, 1, 3, 2, 4])
        .reshape([batch, height / block, width / block, block * block]);
    },
    decode(latents) {
      const [batch, height, width] = latents.shape as [number, number, number, number];
      const gray = latents.reshape([batch, height, width, block, block])
        .transpose([0, 1, 3, 2, 4])
        .reshape([batch, height * block, width * block, 1]);
      return tf.concat([gray, gray, gray], 3);
    },
  };
}
