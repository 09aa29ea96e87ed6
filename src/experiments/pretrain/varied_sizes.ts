import * as tf from "@tensorflow/tfjs";
import type { SizeCondition } from "../../pipelines/prompts.ts";
import { uniform } from "../../runtime/random.ts";

/** How far pictures are varied in size for a model that is told of it. */
export interface SizeRange {
  /** Smallest side in pixels of what a picture is made of. */
  smallest: number;
  /** Largest factor by which a picture is larger than what is cropped from it. */
  zoom: number;
}

/** Share of the pictures that keep their side, and share that are not cropped. */
const KEPT = 0.5;

/**
 * Pictures as a collection of many sizes has them (Podell et al. 2023, section 2.2): half of them are scaled down to a
 * random side and up again, so that they lack detail, and half of them are cropped at a random place from a larger one.
 *
 * @param images [B,S,S,C]; stays the caller's
 * @param draw picks the random numbers: one seed and step give the same pictures always
 * @returns new pictures [B,S,S,C], and what the model is told of each
 */
export function varySizes(
  images: tf.Tensor4D,
  { smallest, zoom }: SizeRange,
  draw: { seed: number; step: number },
): { images: tf.Tensor4D; sizes: Required<SizeCondition>[] } {
  const [batch, side] = images.shape, sizes: Required<SizeCondition>[] = [];
  const pictures = tf.tidy(() => {
    const varied = Array.from({ length: batch }, (_, sample) => {
      const [keep, size, crop, factor, y, x] = uniform({ ...draw, purpose: "sizes", sample }, 6);
      const original = keep! < KEPT ? side : Math.round(smallest + size! * (side - smallest));
      const whole = crop! < KEPT ? side : Math.round(side * (1 + factor! * (zoom - 1)));
      const [top, left] = [y!, x!].map((u) => Math.floor(u * (whole - side + 1))) as [number, number];
      sizes.push({ original: [original, original], crop: [top, left], target: [side, side] });
      const picture = images.slice([sample], [1]);
      return scaled(scaled(picture, original), whole).slice([0, top, left], [1, side, side]);
    });
    return tf.concat(varied);
  });
  return { images: pictures, sizes };
}

function scaled(picture: tf.Tensor4D, side: number): tf.Tensor4D {
  return picture.shape[1] === side ? picture : tf.image.resizeBilinear(picture, [side, side], false, true);
}
