import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { rawOp } from "../runtime/tensorflow/raw_op.ts";

/**
 * The rows of a table with the given numbers, differentiable in the table. Unlike `tf.gather`, which reads the numbers
 * on the host, it can be compiled.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { gatherRows } from "./gather_rows.ts";
 * await tf.setBackend("cpu");
 * const table = tf.tensor2d([[0, 1], [2, 3], [4, 5]]);
 * console.log(gatherRows(table, tf.tensor1d([2, 0], "int32")).arraySync()); // [[4, 5], [0, 1]]
 * ```
 *
 * @param table [V,C]
 * @param ids int32 of any shape, each from 0 to V − 1
 * @returns [...ids' shape,C]
 * @throws TensorflowError, or tfjs's error on other engines, for a number that is out of range
 */
export function gatherRows(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const [rows, width] = table.shape as [number, number];
  return tf.customGrad((...args: unknown[]) => {
    const [table, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([ids]);
    return {
      value: onTensorflow()
        ? rawOp("GatherV2", {}, [table, ids, tf.scalar(0, "int32")])[0]!
        : tf.gather(table, ids),
      gradFunc: (dy: tf.Tensor, [ids]: tf.Tensor[]) => [
        tf.unsortedSegmentSum(dy.reshape([-1, width]), ids!.reshape([-1]) as tf.Tensor1D, rows),
      ],
    };
  })(table);
}
