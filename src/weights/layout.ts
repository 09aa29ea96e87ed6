import * as tf from "@tensorflow/tfjs";
import { transposed } from "../runtime/tensorflow/stored.ts";

/**
 * Shape in the checkpoint of a parameter whose shape in memory is given: convolution kernels, the only
 * tensors of rank 4, are [O,I,H,W] (PyTorch) in the checkpoint and [H,W,I,O] (tfjs) in memory; every other
 * shape is the same.
 */
export function checkpointShape(shape: readonly number[]): readonly number[] {
  return shape.length === 4 ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!] : shape;
}

/** Checkpoint → memory: [O,I,H,W] → [H,W,I,O] at rank 4, otherwise a copy. The caller owns the result. */
export function fromCheckpointLayout(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? transposed(x, [2, 3, 1, 0]) : tf.clone(x);
}

/** Memory → checkpoint: [H,W,I,O] → [O,I,H,W] at rank 4, otherwise a copy. The caller owns the result. */
export function toCheckpointLayout(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? tf.transpose(x, [3, 2, 0, 1]) : tf.clone(x);
}
