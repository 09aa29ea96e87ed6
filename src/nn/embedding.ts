import type * as tf from "@tensorflow/tfjs";
import { gatherRows } from "../tensor/gather_rows.ts";
import type { Params } from "../tensor/params.ts";
import { type Declarations, declare } from "./declare.ts";

/**
 * A table of vectors looked up by number: int32 [...] → [...,width]. Declares `name.weight` [count,width], which starts
 * uniform with the standard deviation `spread`.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "./declare.ts";
 * import { embedding } from "./embedding.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, words = embedding(d, "words", { count: 10, width: 4, spread: 0.02 });
 * console.log(words(initParams(d, 0), tf.tensor2d([[1, 9, 3]], [1, 3], "int32")).shape); // [1, 3, 4]
 * ```
 */
export function embedding(
  d: Declarations,
  name: string,
  size: { count: number; width: number; spread: number },
): (params: Params, ids: tf.Tensor) => tf.Tensor {
  const table = declare(d, `${name}.weight`, [size.count, size.width], {
    kind: "uniform",
    bound: size.spread * Math.sqrt(3),
  });
  return (params, ids) => gatherRows(table(params), ids);
}
