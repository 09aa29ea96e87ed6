import * as tf from "@tensorflow/tfjs";

/**
 * Second derivatives, as tfjs has them of convolutions: the gradient with respect to x is linear in dy and in the filter.
 * tfjs gives depthwise convolutions none.
 */
tf.registerGradient({
  kernelName: "DepthwiseConv2dNativeBackpropInput",
  inputsToSave: ["dy", "filter"],
  gradFunc(ddx, saved, attributes) {
    const [dy, filter] = saved as [tf.Tensor4D, tf.Tensor4D], x = ddx as tf.Tensor4D;
    const { inputShape: _, ...shared } = attributes;
    const { strides, pad } = attributes as unknown as { strides: number; pad: "same" };
    return {
      dy: () => tf.depthwiseConv2d(x, filter, strides, pad),
      filter: () =>
        tf.engine().runKernel("DepthwiseConv2dNativeBackpropFilter", { x, dy }, {
          ...shared,
          filterShape: filter.shape,
        }) as tf.Tensor,
    };
  },
});

/**
 * Each channel's convolution with a kernel of its own, padded as TensorFlow's "SAME": with as many zeros as give
 * ⌈H/stride⌉ rows, the odd one of an odd number behind. It computes in float32 also where products do not: it reads and
 * writes more than it multiplies.
 *
 * @param x [B,H,W,C]
 * @param filter [k,k,C,1]
 * @returns [B,⌈H/stride⌉,⌈W/stride⌉,C]
 */
export function depthwiseConvolution(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D {
  return tf.depthwiseConv2d(x, filter, stride, "same");
}
