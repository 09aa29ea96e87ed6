import * as tf from "@tensorflow/tfjs";
import { resample, resizeMatrix } from "../../tensor/resize.ts";

/**
 * A position table for another grid of patches: [CLS] keeps its row, the others are resized (bicubic) as transformers
 * does. The map is linear and constant, so gradients reach the table.
 *
 * @param table [1,1+side²,C]
 * @param grid patches [h,w] wanted
 * @param antialias as Dinov2WithRegistersModel resizes, and Dinov2Model does not
 * @returns [1,1+h·w,C]
 */
export function interpolatePositions(
  table: tf.Tensor,
  side: number,
  [height, width]: [number, number],
  antialias: boolean,
): tf.Tensor {
  const channels = table.shape[2]!;
  const [cls, patches] = tf.split(table, [1, side * side], 1) as [tf.Tensor, tf.Tensor];
  const weights = (to: number) => antialias ? resizeMatrix(side, to, "bicubic") : bicubicMatrix(side, to);
  const matrix = (to: number) => tf.tensor3d(weights(to), [1, to, side]);
  const resized = resample(patches.reshape([1, side, side, channels]), matrix(height), matrix(width));
  return tf.concat([cls, resized.reshape([1, height * width, channels])], 1);
}

/**
 * The matrix [to,from], row-major, of a bicubic resize along one axis, as PyTorch's `interpolate(mode="bicubic",
 * align_corners=False)` without antialiasing: Keys' kernel with a = −3/4, samples beyond the border repeat it.
 */
export function bicubicMatrix(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * from / to - 0.5, left = Math.floor(centre);
    for (let tap = left - 1; tap <= left + 2; tap++) {
      const column = Math.min(from - 1, Math.max(0, tap));
      matrix[i * from + column]! += cubic(Math.abs(centre - tap));
    }
  }
  return matrix;
}

/** Keys' cubic convolution kernel (1981) at distance t ≥ 0. */
function cubic(t: number): number {
  const a = -0.75;
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
