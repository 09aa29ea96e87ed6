import * as tf from "@tensorflow/tfjs";
import { defineOperation } from "./operation.ts";
import { consume } from "./raw_ops.ts";

const UPSAMPLE_2X = defineOperation<"x">({
  name: "Upsample2x",
  differentiable: ["x"],
  saves: [],
  forward({ x }) {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    // two tiles of rank 3: tfjs's WebGPU engine has none of rank 5
    const wide = x.reshape([batch * height * width, 1, channels]).tile([1, 2, 1]);
    const rows = wide.reshape([batch * height, 1, 2 * width * channels]);
    return [rows.tile([1, 2, 1]).reshape([batch, 2 * height, 2 * width, channels])];
  },
  backward: ({ dy }) => [consume((mean) => mean.mul(4), tf.avgPool(dy as tf.Tensor4D, 2, 2, "valid"))],
});

/**
 * Nearest-neighbour enlargement by two; its gradient sums each 2×2 block. Saves nothing for the backward pass.
 * (tfjs's own resizeNearestNeighbor has a wrong gradient on one engine and none under XLA on CPU.)
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { upsample2x } from "./upsample.ts";
 * await tf.setBackend("cpu");
 * console.log(upsample2x(tf.ones([1, 7, 7, 4])).shape); // [1, 14, 14, 4]
 * ```
 *
 * @param x [B,H,W,C]
 * @returns [B,2H,2W,C]
 */
export function upsample2x(x: tf.Tensor): tf.Tensor {
  return UPSAMPLE_2X({ x });
}
