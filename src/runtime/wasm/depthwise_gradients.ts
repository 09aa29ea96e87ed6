import * as tf from "@tensorflow/tfjs";
import { after, axes, type Conv2dAttributes, crop, spreadForInput } from "./conv2d_gradients.ts";

/**
 * ∂L/∂filter [kh, kw, c, 1] of a depthwise convolution, from x [N, H, W, c] and dy = ∂L/∂y [N, h, w, c]: for each place
 * of the filter the sum of a product of x, shifted, and dy:
 *
 *     ∂L/∂filter[a, b] = Σ_{n,i,j} x[n, s·i + a, s·j + b] dy[n, i, j]
 */
export function depthwiseFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: readonly number[],
  attributes: Conv2dAttributes,
): tf.Tensor4D {
  return tf.tidy(() => {
    const [height, width] = axes(x.shape, filterShape, attributes), [n, h, w, channels] = dy.shape;
    const margin = (axis: typeof height) => [axis.before, Math.max(0, after(axis))] as [number, number];
    const padded = crop(x, after(height), after(width)).pad([[0, 0], margin(height), margin(width), [0, 0]]);
    const places = Array.from({ length: filterShape[0]! * filterShape[1]! }, (_, place) => {
      const a = Math.floor(place / filterShape[1]!), b = place % filterShape[1]!;
      const end = [n, a + (h - 1) * height.stride + 1, b + (w - 1) * width.stride + 1, channels];
      const shifted = padded.stridedSlice([0, a, b, 0], end, [1, height.stride, width.stride, 1]);
      return tf.tidy(() => shifted.mul(dy).sum([0, 1, 2]));
    });
    return tf.stack(places).reshape<tf.Tensor4D>([...filterShape] as [number, number, number, number]);
  });
}

/**
 * ∂L/∂x [N, H, W, c] of a depthwise convolution, from dy = ∂L/∂y [N, h, w, c]: the depthwise convolution of dy, with
 * stride − 1 zeros after each of its rows and columns, with the filter turned by 180°.
 */
export function depthwiseInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: readonly number[],
  attributes: Conv2dAttributes,
): tf.Tensor4D {
  return tf.tidy(() => {
    const { spread, padding } = spreadForInput(dy, axes(inputShape, filter.shape, attributes));
    return tf.depthwiseConv2d(spread, filter.reverse<tf.Tensor4D>([0, 1]), 1, padding);
  });
}
