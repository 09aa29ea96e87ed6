import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { rawOp } from "../runtime/tensorflow/raw_op.ts";
import { defineOperation } from "./operation.ts";

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
  return GATHER_ROWS({ table, ids }, { rows: table.shape[0]! });
}

const GATHER_ROWS = defineOperation<"table" | "ids">({
  name: "GatherRows",
  differentiable: ["table"],
  saves: ["ids"],
  forward: ({ table, ids }) => [
    onTensorflow() ? rawOp("GatherV2", {}, [table, ids, tf.scalar(0, "int32")])[0]! : tf.gather(table, ids),
  ],
  backward: ({ dy, ids }, { rows }) => [
    tf.unsortedSegmentSum(dy.reshape([-1, dy.shape.at(-1)!]), ids.flatten(), rows as number),
  ],
});
