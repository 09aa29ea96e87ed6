import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "./backend.ts";
import { rawOp } from "./raw_op.ts";

/**
 * Replaces tfjs-node's kernel of `tf.split` for vectors by slices. A part that begins and ends on a cache line (16 floats)
 * can be a view of the vector. TensorFlow's SplitV makes views if all parts are such, else it copies all of them; Slice
 * copies only those that are not. So the weights of a network, parts of one flat vector, take no memory of their own.
 */
export function registerSplitViews(): void {
  const packaged = tf.getKernel("SplitV", "tensorflow");
  tf.unregisterKernel("SplitV", "tensorflow");
  tf.registerKernel({
    ...packaged,
    kernelFunc(parameters) {
      const x = parameters.inputs.x as tf.Tensor, sizes = parameters.attrs!.numOrSizeSplits;
      if (!onTensorflow() || x.rank !== 1 || !isWhole(sizes, x.size)) return packaged.kernelFunc(parameters);
      let start = 0;
      return tf.tidy(() => sizes.map((size) => slice(x, (start += size) - size, size)));
    },
  });
}

/** Whether these are the sizes of all parts; one of them may also be −1, and a number stands for equal parts. */
function isWhole(sizes: unknown, length: number): sizes is number[] {
  return Array.isArray(sizes) && sizes.every((size) => size >= 0) && tf.util.sum(sizes) === length;
}

function slice(x: tf.Tensor, start: number, size: number): tf.Tensor {
  return rawOp("Slice", {}, [x, tf.tensor1d([start], "int32"), tf.tensor1d([size], "int32")])[0]!;
}
