import * as tf from "@tensorflow/tfjs";
import { type StepKey, uniform } from "../runtime/random.ts";

/** How far a random view may depart from its image; each value is drawn uniformly in ±range, independently. */
export interface ViewRange {
  /** Radians. */
  rotation: number;
  /** Log₂ of the size. */
  scale: number;
  /** Log₂ of width over height. */
  aspect: number;
  /** Horizontal shift per vertical distance. */
  shear: number;
  /** Share of the side. */
  translation: number;
  /** Largest share of the contrast that is lost (one-sided, between a view's values and the border's). */
  contrast: number;
}

/**
 * Random affine views of images, each with its own map, by bilinear interpolation; beyond the border the image's first
 * pixel (the background of a digit) goes on. Made on the host: no gradient.
 *
 * @param images [B,H,W,C]
 * @param samples the images' own numbers [B]; image b gets the view of (key, samples[b])
 * @returns [B,H,W,C]
 */
export async function randomViews(
  images: tf.Tensor4D,
  samples: ArrayLike<number>,
  key: StepKey,
  range: ViewRange,
): Promise<tf.Tensor4D> {
  const [batch, height, width, channels] = images.shape, size = height * width * channels;
  const source = await images.data<"float32">(), out = new Float32Array(source.length);
  for (let b = 0; b < batch; b++) {
    const draws = uniform({ ...key, sample: samples[b]! }, 7).map((u) => 2 * u - 1);
    const from = source.subarray(b * size, (b + 1) * size), to = out.subarray(b * size, (b + 1) * size);
    warp(from, to, [height, width, channels], affineMap(draws, range, height, width));
    const keep = 1 - range.contrast * (draws[6]! + 1) / 2;
    for (let i = 0; i < size; i++) to[i] = from[i % channels]! + keep * (to[i]! - from[i % channels]!);
  }
  return tf.tensor4d(out, images.shape);
}

/** [a, b, c, d, e, f]: the output pixel (x, y) shows the input at (a·x + b·y + c, d·x + e·y + f). */
type AffineMap = [number, number, number, number, number, number];

function affineMap(draws: Float32Array, range: ViewRange, height: number, width: number): AffineMap {
  const [turn, grow, stretch, lean, right, down] = draws as unknown as number[];
  const angle = turn! * range.rotation, size = 2 ** (grow! * range.scale);
  const sx = 2 ** (stretch! * range.aspect / 2) / size, sy = 2 ** (-stretch! * range.aspect / 2) / size;
  const cos = Math.cos(angle), sin = Math.sin(angle), shear = lean! * range.shear;
  const a = cos * sx, b = (shear * cos - sin) * sx, d = sin * sy, e = (shear * sin + cos) * sy;
  const cx = (width - 1) / 2, cy = (height - 1) / 2;
  const dx = cx + right! * range.translation * width, dy = cy + down! * range.translation * height;
  return [a, b, cx - a * dx - b * dy, d, e, cy - d * dx - e * dy];
}

function warp(
  from: Float32Array,
  to: Float32Array,
  [height, width, channels]: [number, number, number],
  [a, b, c, d, e, f]: AffineMap,
): void {
  const pixel = (x: number, y: number, k: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? from[k]! : from[(y * width + x) * channels + k]!;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = a * x + b * y + c, v = d * x + e * y + f, left = Math.floor(u), top = Math.floor(v);
      const p = u - left, q = v - top;
      for (let k = 0; k < channels; k++) {
        const above = (1 - p) * pixel(left, top, k) + p * pixel(left + 1, top, k);
        const below = (1 - p) * pixel(left, top + 1, k) + p * pixel(left + 1, top + 1, k);
        to[at++] = (1 - q) * above + q * below;
      }
    }
  }
}
