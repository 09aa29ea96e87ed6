import * as tf from "@tensorflow/tfjs";
import { ownOrClone, wantedInputs } from "./tape.ts";
import { flattenTree } from "./tree.ts";
import { vjp } from "./vjp.ts";

/**
 * Gradient checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): a function with the same
 * value and the same gradients as f, which keeps only its inputs for the backward pass and computes f once more there.
 *
 * Gradients reach the arguments only: a tensor that f reads otherwise counts as a constant, so weights must be passed. No
 * gradient is computed for arguments that need none, such as frozen weights.
 *
 * @param f of tensors, or arrays and records of them, to one tensor
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { checkpointed } from "./checkpoint_gradient.ts";
 * import { valueAndGrad } from "./vjp.ts";
 * const block = checkpointed((weights: { w: tf.Tensor }, x: tf.Tensor) => x.mul(weights.w).tanh());
 * const { grads } = valueAndGrad((w, x) => block({ w }, x).sum(), [tf.scalar(2), tf.tensor1d([0, 1])]);
 * console.log(grads[1]!.arraySync()); // [2, 0.141...]
 * ```
 */
export function checkpointed<Args extends unknown[]>(
  f: (...args: Args) => tf.Tensor,
): (...args: Args) => tf.Tensor {
  return (...args) => {
    const { tensors, rebuild } = flattenTree(args, "arguments of a checkpointed function");
    const run = (...inputs: tf.Tensor[]) => f(...rebuild(inputs) as Args);
    return tf.customGrad((...inputs: unknown[]) => {
      const save = inputs.at(-1) as tf.GradSaveFunc;
      save(tensors);
      return {
        value: tf.tidy(() => ownOrClone(run(...tensors))),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradients(run, saved, dy),
      };
    })(...tensors);
  };
}

/** The gradients of the wanted inputs; in the other places a tensor that nobody reads. */
function gradients(run: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[], dy: tf.Tensor) {
  const wanted = wantedInputs(), places = [...inputs.keys()].filter((i) => wanted?.has(String(i)) ?? true);
  const ofWanted = (...xs: tf.Tensor[]) => {
    const all = [...inputs];
    places.forEach((place, i) => all[place] = xs[i]!);
    return run(...all);
  };
  const { grads } = vjp(ofWanted, places.map((place) => inputs[place]!), dy, { unconnected: "zeros" });
  const all = inputs.map(() => dy);
  places.forEach((place, i) => all[place] = grads[i]!);
  return all;
}
