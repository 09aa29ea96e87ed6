import * as tf from "@tensorflow/tfjs";
import { fusedOp, onFusedOps } from "./fused_op.ts";

/**
 * a·x + b·z, elementwise: in one pass where this project's kernels compute. Not differentiable there.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { combine } from "./combine.ts";
 * await tf.setBackend("cpu");
 * console.log(combine(tf.tensor1d([1, 2]), 3, tf.tensor1d([10, 20]), 0.5).arraySync()); // [8, 16]
 * ```
 *
 * @param x of any shape
 * @param a number or scalar tensor
 * @param z of x's shape
 * @param b number or scalar tensor
 */
export function combine<T extends tf.Tensor>(x: T, a: number | tf.Scalar, z: T, b: number | tf.Scalar): T {
  return tf.tidy(() => {
    if (!onFusedOps()) return x.mul<T>(a).add(z.mul(b));
    const scalar = (factor: number | tf.Scalar) => typeof factor === "number" ? tf.scalar(factor) : factor;
    return fusedOp("Combine", {}, [x, z, scalar(a), scalar(b)], [x.shape])[0] as T;
  });
}
