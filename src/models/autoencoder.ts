import * as tf from "@tensorflow/tfjs";

/** Between images [B,H,W,3] in [−1,1] and the latents [B,h,w,c] a diffusion model works on. Both ways differentiable. */
export interface Autoencoder {
  /** Shape of one latent (h, w, c) for images of the given height and width. */
  latentShape(height: number, width: number): [number, number, number];
  encode(images: tf.Tensor): tf.Tensor;
  decode(latents: tf.Tensor): tf.Tensor;
}

/**
 * The autoencoder of small gray images: each `block`×`block` square of pixels becomes the channels of one latent
 * position (28×28 digits → 14×14×4). Lossless on gray images and without weights; it plays the role of Stable
 * Diffusion's AutoencoderKL.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { spaceToDepth } from "./autoencoder.ts";
 * const digits = spaceToDepth(2);
 * console.log(digits.encode(tf.zeros([1, 28, 28, 3])).shape); // [1, 14, 14, 4]
 * ```
 */
export function spaceToDepth(block: number): Autoencoder {
  return {
    latentShape: (height, width) => [height / block, width / block, block * block],
    encode(images) {
      const [batch, height, width] = images.shape as [number, number, number, number];
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
