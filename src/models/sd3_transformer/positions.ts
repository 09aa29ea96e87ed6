import * as tf from "@tensorflow/tfjs";
import { UserError } from "../../runtime/errors.ts";

/**
 * The 2-D sine-cosine position table that diffusers stores in an SD3 checkpoint: for each patch, row by row, sines and
 * cosines of the column, then of the row, at width/4 frequencies each. Coordinates are scaled so that the whole table
 * spans `base`, the grid of the training latents.
 *
 * @param side of the (square) table in patches
 * @param base side of the training latents in patches: sample_size / patch_size
 * @param width channels, a multiple of 4
 * @returns [1,side²,width] in row-major order
 */
export function sincosPositions(side: number, base: number, width: number): Float32Array<ArrayBuffer> {
  const quarter = width / 4, table = new Float32Array(side * side * width);
  const frequency = Array.from({ length: quarter }, (_, i) => 10000 ** (-i / quarter));
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const start = (row * side + column) * width;
      for (const [half, at] of [column, row].entries()) {
        const coordinate = at * base / side;
        frequency.forEach((omega, i) => {
          table[start + 2 * half * quarter + i] = Math.sin(coordinate * omega);
          table[start + (2 * half + 1) * quarter + i] = Math.cos(coordinate * omega);
        });
      }
    }
  }
  return table;
}

/**
 * The middle of a position table, as large as a grid of patches (Esser et al. 2024, "Positional encodings for varying
 * aspect ratios").
 *
 * @param table [1,side²,C]
 * @param grid patches [h,w] wanted
 * @returns [1,h·w,C]
 * @throws UserError for a grid larger than the table
 */
export function croppedPositions(
  table: tf.Tensor,
  side: number,
  [height, width]: readonly [number, number],
): tf.Tensor {
  const channels = table.shape[2]!;
  if (height > side || width > side) {
    throw new UserError(
      `a latent of ${height}×${width} patches is larger than this SD3Transformer2DModel's position table of ` +
        `${side}×${side} (pos_embed_max_size); use a smaller image`,
    );
  }
  const top = Math.floor((side - height) / 2), left = Math.floor((side - width) / 2);
  return table.reshape([side, side, channels])
    .slice([top, left, 0], [height, width, channels])
    .reshape([1, height * width, channels]);
}
