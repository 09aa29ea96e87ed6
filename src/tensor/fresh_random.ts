import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { rawOp } from "../runtime/tensorflow/raw_op.ts";

/**
 * Normally distributed numbers, new at every call, also at every call of a compiled function (where those of
 * `tf.randomNormal` would be recorded once). They cannot be reproduced: experiments draw theirs from
 * `runtime/random.ts` and pass them in.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { compile } from "./compile.ts";
 * import { freshNormal } from "./fresh_random.ts";
 *
 * const perturb = compile((x: tf.Tensor) => x.add(freshNormal(x.shape, 0, 0.1)));
 * console.log(perturb(tf.zeros([3])).dataSync(), perturb(tf.zeros([3])).dataSync());
 * ```
 */
export function freshNormal(shape: readonly number[], mean = 0, deviation = 1): tf.Tensor {
  if (!onTensorflow()) return tf.randomNormal([...shape], mean, deviation);
  return tf.tidy(() => draw("RandomStandardNormal", shape).mul(deviation).add(mean));
}

/** Numbers distributed uniformly over [low, high), new at every call; see `freshNormal`. */
export function freshUniform(shape: readonly number[], low = 0, high = 1): tf.Tensor {
  if (!onTensorflow()) return tf.randomUniform([...shape], low, high);
  return tf.tidy(() => draw("RandomUniform", shape).mul(high - low).add(low));
}

function draw(op: string, shape: readonly number[]): tf.Tensor {
  return rawOp(op, { dtype: "float32" }, [tf.tensor1d([...shape], "int32")])[0]!;
}
