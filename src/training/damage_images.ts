import * as tf from "@tensorflow/tfjs";
import { normalBatch, uniform } from "../runtime/random.ts";

/** How strongly images are damaged at most; each image draws its own two strengths, uniformly from 0. */
export interface Damage {
  /** Standard deviation of grey white noise, in units of [−1,1]. */
  noise: number;
  /** Share of a 3×3 binomial blur, up to 1. */
  blur: number;
}

const BINOMIAL = [0.25, 0.5, 0.25];

/**
 * Blurs images and adds noise to them, each image by strengths of its own. Outside of the image the blur sees black (−1).
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { damageImages } from "./damage_images.ts";
 * const damaged = damageImages(tf.zeros([2, 28, 28, 3]), { noise: 0.4, blur: 1 }, { seed: 0, step: 1 });
 * console.log(damaged.shape); // [2, 28, 28, 3]
 * ```
 *
 * @param images [B,H,W,C]
 * @param key seed and number of the training step: the same ones do the same damage
 * @returns [B,H,W,C]
 */
export function damageImages(
  images: tf.Tensor,
  damage: Damage,
  key: { seed: number; step: number },
): tf.Tensor4D {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const samples = Array.from({ length: batch }, (_, i) => i);
  const draws = samples.map((sample) => uniform({ ...key, purpose: "strength of damage", sample }, 2));
  const strengths = (index: number, largest: number) =>
    tf.tensor4d(draws.map((u) => u[index]! * largest), [batch, 1, 1, 1]);
  const noise = normalBatch({ ...key, purpose: "damage" }, samples, height * width);
  return tf.tidy(() => {
    const light = images.add(1) as tf.Tensor4D;
    const kernel = tf.tile(tf.outerProduct(BINOMIAL, BINOMIAL).reshape([3, 3, 1, 1]), [1, 1, channels, 1]);
    const blurred = tf.depthwiseConv2d(light, kernel as tf.Tensor4D, 1, "same");
    return light.add(blurred.sub(light).mul(strengths(0, damage.blur)))
      .add(tf.tensor4d(noise, [batch, height, width, 1]).mul(strengths(1, damage.noise))).sub(1);
  });
}
