import * as tf from "@tensorflow/tfjs";
import { type Conv2dAttributes, conv2dFilterGradient, conv2dInputGradient } from "./conv2d_gradients.ts";
import { depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise_gradients.ts";
import { unsortedSegmentSum } from "./unsorted_segment_sum.ts";

type Kernel = tf.KernelConfig["kernelFunc"];

let registered = false;

/**
 * Registers the kernels that training needs and the wasm package lacks (the filter gradient of a convolution, both
 * gradients of a depthwise one, the gradient of gather), and faster ones in place of two of its own: the input gradient of
 * a convolution, and matrix products with a transposed factor, which run at a tenth of the speed of plain ones.
 */
export function registerKernels(): void {
  if (registered) return;
  registered = true;
  register("Conv2DBackpropFilter", ({ inputs, attrs }) => {
    const { x, dy } = inputs as Tensors;
    return conv2dFilterGradient(x!, dy!, attrs!.filterShape as unknown as number[], convolution(attrs!));
  });
  register("Conv2DBackpropInput", ({ inputs, attrs }) => {
    const { dy, filter } = inputs as Tensors;
    return conv2dInputGradient(dy!, filter!, attrs!.inputShape as unknown as number[], convolution(attrs!));
  });
  register("DepthwiseConv2dNativeBackpropFilter", ({ inputs, attrs }) => {
    const { x, dy } = inputs as Tensors, filterShape = attrs!.filterShape as unknown as number[];
    return depthwiseFilterGradient(x!, dy!, filterShape, attrs as unknown as Conv2dAttributes);
  });
  register("DepthwiseConv2dNativeBackpropInput", ({ inputs, attrs }) => {
    const { dy, filter } = inputs as Tensors, inputShape = attrs!.inputShape as unknown as number[];
    return depthwiseInputGradient(dy!, filter!, inputShape, attrs as unknown as Conv2dAttributes);
  });
  register("UnsortedSegmentSum", ({ inputs, attrs }) => {
    const { x, segmentIds } = inputs as Record<string, tf.Tensor>;
    return unsortedSegmentSum(x!, segmentIds!, attrs!.numSegments as unknown as number);
  });
  register("BatchMatMul", transposingFirst(tf.getKernel("BatchMatMul", "wasm").kernelFunc));
}

type Tensors = Record<string, tf.Tensor4D>;

function register(kernelName: string, kernelFunc: Kernel): void {
  const packaged = tf.getKernel(kernelName, "wasm");
  if (packaged) tf.unregisterKernel(kernelName, "wasm");
  // the package's set-up goes with its kernel, which ours may call
  tf.registerKernel({ setupFunc: packaged?.setupFunc, kernelName, backendName: "wasm", kernelFunc });
}

function convolution(attrs: tf.NamedAttrMap): Conv2dAttributes {
  if (attrs.dataFormat !== "NHWC") {
    throw new Error(`Gradients of conv2d are for NHWC; got ${attrs.dataFormat}`);
  }
  return attrs as unknown as Conv2dAttributes;
}

/** The matrix product with transposed factors as transposes, then the plain product. */
function transposingFirst(plain: Kernel): Kernel {
  return (parameters) => {
    const { transposeA, transposeB } = parameters.attrs as { transposeA: boolean; transposeB: boolean };
    if (!transposeA && !transposeB) return plain(parameters);
    const { a, b } = parameters.inputs as Record<string, tf.Tensor>;
    return tf.tidy(() => tf.matMul(transposeA ? transposed(a!) : a!, transposeB ? transposed(b!) : b!));
  };
}

/** The last two axes exchanged. */
function transposed(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, axis) => axis), last = axes.length - 1;
  return x.transpose([...axes.slice(0, -2), last, last - 1]);
}
