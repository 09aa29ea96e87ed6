import * as tf from "@tensorflow/tfjs";
import { lossScale } from "./loss_scale.ts";
import { backpropagate, isTapeOn, nodesBetween, record } from "./tape.ts";

export interface GradientOptions {
  /** What an input gets that the output does not depend on: an error (default), or a gradient of zeros. */
  unconnected?: "error" | "zeros";
}

/** The value of a function and the gradient of each input, in the inputs' shapes. */
export interface ValueAndGrads {
  value: tf.Tensor;
  grads: tf.Tensor[];
}

/**
 * Vector-Jacobian product: y = f(...xs) and, for each x, (∂y/∂x)ᵀ · cotangent.
 *
 * Only value and gradients survive; each activation is freed as soon as the backward pass has read it. Works while
 * `compile` records, inside custom gradients, and inside another `vjp` (which then gives second derivatives).
 *
 * @param f of tensors of any shape to one tensor y of any shape; a tensor that f reads otherwise counts as a constant
 * @param cotangent of y's shape, or a function of y that gives it
 * @throws if an x has no path to y (unless `unconnected: "zeros"`), or an operation on the path has no gradient
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { vjp } from "./vjp.ts";
 * const x = tf.tensor1d([1, 2, 3]);
 * const { value, grads } = vjp((x) => x.square(), [x], tf.tensor1d([1, 0, 10]));
 * console.log(value.arraySync(), grads[0]!.arraySync()); // [1, 4, 9] [2, 0, 60]
 * ```
 */
export function vjp(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  xs: readonly tf.Tensor[],
  cotangent: tf.Tensor | ((y: tf.Tensor) => tf.Tensor),
  { unconnected = "error" }: GradientOptions = {},
): ValueAndGrads {
  return tf.tidy(() => {
    const scale = isTapeOn() ? undefined : lossScale(); // inside another vjp, that one scales
    const { value, nodes, release } = record(() => f(...xs));
    try {
      const path = nodesBetween(nodes, xs, value);
      release(withoutPath(nodes, path));
      const dy = typeof cotangent === "function" ? cotangent(value) : cotangent;
      tf.util.assertShapesMatch(dy.shape, value.shape, "vjp(): the cotangent must have the output's shape: ");
      const gradients = backpropagate(path, xs, value, scale ? dy.mul(scale) : dy, release);
      const grads = collect(xs, gradients, unconnected);
      return { value, grads: scale ? grads.map((gradient) => gradient.div(scale)) : grads };
    } finally {
      release(nodes);
    }
  });
}

/**
 * The value of a scalar function and its gradient with respect to each x; see `vjp` for what survives and what throws.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { valueAndGrad } from "./vjp.ts";
 * const { value, grads } = valueAndGrad((x) => x.square().sum(), [tf.tensor1d([1, 2])]);
 * console.log(value.arraySync(), grads[0]!.arraySync()); // 5 [2, 4]
 * ```
 */
export function valueAndGrad(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  xs: readonly tf.Tensor[],
  options: GradientOptions = {},
): ValueAndGrads {
  return vjp(f, xs, (y) => {
    if (y.rank !== 0) {
      throw new Error(
        `valueAndGrad(): f gave shape [${y.shape}], expected a scalar; take a sum or a mean, or use vjp()`,
      );
    }
    return tf.onesLike(y);
  }, options);
}

function withoutPath<T extends { id: number }>(nodes: readonly T[], path: readonly T[]): T[] {
  const onPath = new Set(path.map((node) => node.id));
  return nodes.filter((node) => !onPath.has(node.id));
}

function collect(
  xs: readonly tf.Tensor[],
  gradients: Map<number, tf.Tensor>,
  unconnected: "error" | "zeros",
): tf.Tensor[] {
  return xs.map((x, i) => {
    const gradient = gradients.get(x.id);
    if (gradient) return xs.indexOf(x) < i ? gradient.clone() : gradient;
    if (unconnected === "zeros") return tf.zeros(x.shape);
    throw new Error(
      `vjp(): no path from input ${i} of ${xs.length} (shape [${x.shape}]) to the output. ` +
        `Use the tensor that f receives, not a copy made outside; or set unconnected: "zeros"`,
    );
  });
}
