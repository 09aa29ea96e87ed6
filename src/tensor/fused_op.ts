import type * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { kernelsLoaded } from "../runtime/tensorflow/kernels.ts";
import { type RawAttributes, rawOp } from "../runtime/tensorflow/raw_op.ts";
import { session } from "../runtime/tensorflow/session.ts";

/**
 * Whether this project's own kernels compute here: on a processor's TensorFlow that has them. XLA does not know them, and
 * they do not know float16.
 */
export function onFusedOps(): boolean {
  if (!onTensorflow() || !kernelsLoaded()) return false;
  const { recorder } = session();
  return !recorder || !recorder.xla && recorder.precision !== "float16";
}

/**
 * Runs one of this project's own TensorFlow ops (`runtime/tensorflow/kernels`).
 *
 * @param name without its prefix, e.g. "GroupNorm"
 * @param shapes of the results
 */
export function fusedOp(
  name: string,
  attributes: RawAttributes,
  inputs: readonly tf.Tensor[],
  shapes: readonly (readonly number[])[],
): tf.Tensor[] {
  return rawOp(`Adt${name}`, attributes, inputs, shapes);
}
