import * as tf from "@tensorflow/tfjs";

/** How a convolution was called; `x` and `dy` are NHWC, the filter is [kh, kw, ci, co]. */
export interface Conv2dAttributes {
  strides: number | [number, number];
  pad: "same" | "valid" | number | tf.backend_util.ExplicitPadding;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

/** The sizes of a convolution, for one axis: 0 is height, 1 is width. */
export interface Axis {
  input: number;
  output: number;
  filter: number;
  stride: number;
  /** Zeros before the first row. */
  before: number;
}

/** Height and width of a convolution; of the filter's shape only its sides count. */
export function axes(
  x: readonly number[],
  filter: readonly number[],
  { strides, pad, dimRoundingMode }: Conv2dAttributes,
): [Axis, Axis] {
  const info = tf.backend_util.computeConv2DInfo(
    x as [number, number, number, number],
    filter as [number, number, number, number],
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { padInfo: { top, left } } = info;
  return [
    {
      input: info.inHeight,
      output: info.outHeight,
      filter: filter[0]!,
      stride: info.strideHeight,
      before: top,
    },
    {
      input: info.inWidth,
      output: info.outWidth,
      filter: filter[1]!,
      stride: info.strideWidth,
      before: left,
    },
  ];
}

/** Rows that the filter reaches behind the last one; negative: so many of the last rows met no filter. */
export function after({ input, output, filter, stride, before }: Axis): number {
  return filter + (output - 1) * stride - input - before;
}

/**
 * ∂L/∂filter [kh, kw, ci, co] of a convolution, from x [N, H, W, ci] and dy = ∂L/∂y [N, h, w, co]:
 *
 *     ∂L/∂filter[a, b] = Σ_{n,i,j} x[n, s·i + a, s·j + b] dy[n, i, j]
 *
 * which is itself a convolution: over the images x[ci] of N channels, with the filter dy dilated by the stride s.
 */
export function conv2dFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: readonly number[],
  attributes: Conv2dAttributes,
): tf.Tensor4D {
  return tf.tidy(() => {
    const [height, width] = axes(x.shape, filterShape, attributes);
    const images = crop(x.transpose<tf.Tensor4D>([3, 1, 2, 0]), after(height), after(width)); // [ci, H, W, N]
    const gradient = tf.conv2d(
      images,
      dy.transpose<tf.Tensor4D>([1, 2, 0, 3]), // [h, w, N, co]
      1,
      explicit(height.before, after(height), width.before, after(width)),
      "NHWC",
      [height.stride, width.stride],
    ); // [ci, kh, kw, co]
    return gradient.transpose<tf.Tensor4D>([1, 2, 0, 3]);
  });
}

/**
 * ∂L/∂x [N, H, W, ci] of a convolution, from dy = ∂L/∂y [N, h, w, co]: the convolution of dy, with stride − 1 zeros
 * after each of its rows and columns, with the filter turned by 180° and its channels exchanged.
 */
export function conv2dInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: readonly number[],
  attributes: Conv2dAttributes,
): tf.Tensor4D {
  return tf.tidy(() => {
    const turned = filter.reverse([0, 1]).transpose<tf.Tensor4D>([0, 1, 3, 2]); // [kh, kw, co, ci]
    const { spread, padding } = spreadForInput(dy, axes(inputShape, filter.shape, attributes));
    return tf.conv2d(spread, turned, 1, padding);
  });
}

/** dy with stride − 1 zeros after each of its rows and columns, and the padding with which a turned filter gives ∂L/∂x. */
export function spreadForInput(dy: tf.Tensor4D, [height, width]: [Axis, Axis]) {
  const before = (axis: Axis) => axis.filter - 1 - axis.before;
  const after = ({ input, output, stride, before }: Axis) => input + before - output * stride;
  return {
    spread: crop(insertZeros(dy, height.stride, width.stride), after(height), after(width)),
    padding: explicit(before(height), after(height), before(width), after(width)),
  };
}

/** [N, h, w, c] → [N, h·rows, w·columns, c]: rows − 1 rows of zeros after each row, and the same for columns. */
function insertZeros(x: tf.Tensor4D, rows: number, columns: number): tf.Tensor4D {
  if (rows === 1 && columns === 1) return x;
  const [n, h, w, c] = x.shape;
  const wide = x.reshape([n * h * w, c]).pad([[0, 0], [0, (columns - 1) * c]]);
  const line = w * columns * c;
  return wide.reshape([n * h, line]).pad([[0, 0], [0, (rows - 1) * line]]).reshape([
    n,
    h * rows,
    w * columns,
    c,
  ]);
}

/** Removes the rows and columns at the end for which the padding would be negative. */
export function crop(x: tf.Tensor4D, bottom: number, right: number): tf.Tensor4D {
  if (bottom >= 0 && right >= 0) return x;
  const [n, h, w, c] = x.shape;
  return x.slice([0, 0, 0, 0], [n, h + Math.min(0, bottom), w + Math.min(0, right), c]);
}

function explicit(top: number, bottom: number, left: number, right: number): tf.backend_util.ExplicitPadding {
  return [[0, 0], [top, Math.max(0, bottom)], [left, Math.max(0, right)], [0, 0]];
}
