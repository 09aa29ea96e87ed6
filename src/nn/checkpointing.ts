import type * as tf from "@tensorflow/tfjs";
import { checkpointed } from "../tensor/checkpoint_gradient.ts";
import type { Params } from "../tensor/params.ts";

let checkpointing = false;

/**
 * Runs f with gradient checkpointing of every block of the networks that f calls (see `checkpointed`): values and
 * gradients are the same, but what lies within the blocks is computed again on the way back instead of being kept.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { valueAndGrad } from "../tensor/vjp.ts";
 * import { block, checkpointingBlocks } from "./checkpointing.ts";
 * const wave = block("wave", (params, x: tf.Tensor) => x.mul(params["wave.weight"]!).sin().exp());
 * const call = (x: tf.Tensor, w: tf.Tensor) => wave({ "wave.weight": w }, x).sum();
 * const { grads } = valueAndGrad((x, w) => checkpointingBlocks(() => call(x, w)), [tf.tensor1d([1, 2]), tf.scalar(3)]);
 * console.log(grads[1]!.shape); // []
 * ```
 */
export function checkpointingBlocks<T>(f: () => T): T {
  const before = checkpointing;
  checkpointing = true;
  try {
    return f();
  } finally {
    checkpointing = before;
  }
}

/**
 * Marks a part of a network as a block of `checkpointingBlocks`.
 *
 * @param name all of the block's weights begin with it and a dot: these alone are its inputs
 */
export function block<Args extends unknown[]>(
  name: string,
  f: (params: Params, ...args: Args) => tf.Tensor,
): (params: Params, ...args: Args) => tf.Tensor {
  return (params, ...args) =>
    checkpointing ? checkpointed(f)(within(params, `${name}.`), ...args) : f(params, ...args);
}

function within(params: Params, prefix: string): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith(prefix)));
}
