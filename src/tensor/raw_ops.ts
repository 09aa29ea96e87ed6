/**
 * Small operations that one TensorFlow op does in one pass, and tfjs in several. On other engines, and where a tape
 * records (a raw op has no gradient), they are made of tfjs's operations.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { rawOp } from "../runtime/tensorflow/raw_op.ts";
import { fusedOp, onFusedOps } from "./fused_op.ts";
import { isTapeOn } from "./tape.ts";

/** Whether TensorFlow's own ops may be used here. */
const onRawOps = () => onTensorflow() && !isTapeOn();

/** dy·s·(1−s), the gradient of s = sigmoid(x) from dy. */
export function sigmoidGradient(s: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  if (onRawOps()) return rawOp("SigmoidGrad", {}, [s, dy])[0]!;
  return dy.mul(s).mul(tf.sub(1, s));
}

/** dy where 0 < y < 6, else 0: the gradient of y = min(max(x, 0), 6) from dy. */
export function relu6Gradient(y: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  if (onRawOps()) return rawOp("Relu6Grad", {}, [dy, y])[0]!;
  return dy.mul(y.greater(0).logicalAnd(y.less(6)).toFloat());
}

/** x [...,C] plus a number for each channel, [C]; TensorFlow computes it with the convolution before it, in one pass. */
export function biasAdd(x: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  if (onRawOps() && x.rank > 1) return rawOp("BiasAdd", {}, [x, bias])[0]!;
  return x.add(bias);
}

/** Sum over all axes but the last: [...,C] → [C]. */
export function sumToLast(x: tf.Tensor): tf.Tensor {
  const channels = x.shape.at(-1)!;
  if (onFusedOps() && !isTapeOn()) return fusedOp("ChannelSum", {}, [x], [[channels]])[0]!;
  const rows = x.reshape([-1, channels]);
  if (onRawOps()) return rawOp("BiasAddGrad", {}, [rows])[0]!;
  return rows.sum(0);
}

/** (x − y)² for y that is broadcast to x; tfjs's gradient of it fails then, so not under a tape. */
export function squaredDifference(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return isTapeOn() ? x.sub(y).square() : tf.squaredDifference(x, y);
}

/**
 * f of tensors that nothing reads later: they are freed when f has run, before the surrounding `tf.tidy` ends.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { consume } from "./raw_ops.ts";
 * await tf.setBackend("cpu");
 * const y = consume((x) => x.square(), tf.scalar(3)); // one tensor is left
 * ```
 */
export function consume<T extends tf.TensorContainer>(
  f: (...xs: tf.Tensor[]) => T,
  ...xs: tf.Tensor[]
): T {
  const y = f(...xs);
  tf.dispose(xs);
  return y;
}
