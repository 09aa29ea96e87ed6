import * as tf from "@tensorflow/tfjs";
import { AttributeKind } from "../runtime/tensorflow/attributes.ts";
import { backend } from "../runtime/tensorflow/backend.ts";
import { DataType } from "../runtime/tensorflow/tensors.ts";
import { OPS } from "./job.ts";
import type { Repeat } from "./repeat.ts";

/**
 * Additions of two single numbers, so that all the time goes to what surrounds an op.
 *
 * @param through the TensorFlow binding alone, or `tf.add` in `tf.tidy`
 */
export function openOps(through: "binding" | "library" = "library"): Repeat {
  const a = tf.tensor1d([1]), b = tf.tensor1d([2]);
  return through === "binding" ? throughBinding(a, b) : throughLibrary(a, b);
}

function throughLibrary(a: tf.Tensor, b: tf.Tensor): Repeat {
  return async () => {
    for (let i = 1; i < OPS; i++) tf.tidy(() => void tf.add(a, b));
    const last = tf.add(a, b), sum = await last.data();
    last.dispose();
    return { sum };
  };
}

function throughBinding(a: tf.Tensor, b: tf.Tensor): Repeat {
  const { binding } = backend(), inputs = backend().getInputTensorIds([a, b]);
  const attributes = [{ name: "T", type: AttributeKind.type, value: DataType.float }];
  const add = () => binding.executeOp("AddV2", attributes, inputs, 1)[0]!.id;
  return async () => {
    for (let i = 1; i < OPS; i++) binding.deleteTensor(add());
    const last = add(), sum = await binding.tensorData(last) as Float32Array;
    binding.deleteTensor(last);
    return { sum };
  };
}
