import * as tf from "@tensorflow/tfjs";
import type { Binding } from "./binding.ts";
import { currentSession, type TensorMetadata } from "./session.ts";
import type { TensorValues } from "./tensors.ts";

/** The parts of tfjs-node's backend object that this project reaches for. */
export interface TensorflowBackend {
  binding: Binding;
  /** What the backend holds of a tensor: values not yet uploaded, or the id in the handle table. */
  tensorMap: { get(dataId: object): { values: TensorValues | null; id: number } };
  /** TensorFlow's number for a tfjs dtype. */
  getDTypeInteger(dtype: tf.DataType): number;
  read(dataId: object): Promise<TensorValues>;
  /** One more tensor has this data. */
  incRef(dataId: object): void;
  /** One tensor less has this data; frees it with the last one, and says whether it did. */
  disposeData(dataId: object): boolean;
  /** Ids of tensors; uploads those that are not yet on the device. */
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
  /** A tfjs tensor for a result, tracked by the surrounding `tf.tidy`. */
  createOutputTensor(result: TensorMetadata): tf.Tensor;
}

/** Whether tfjs computes on TensorFlow, started by `startTensorflow()`. */
export const onTensorflow = (): boolean => currentSession() !== undefined && tf.getBackend() === "tensorflow";

/** tfjs-node's backend object; only if `onTensorflow()`. */
export const backend = (): TensorflowBackend => tf.backend() as unknown as TensorflowBackend;

/**
 * A new tensor, after its values went to TensorFlow. tfjs-node would keep the array until the tensor is first used; a network's
 * weights would then be in memory twice, until the garbage collector comes by. On other engines, the tensor as it is.
 */
export function uploaded(x: tf.Tensor): tf.Tensor {
  if (onTensorflow()) backend().getInputTensorIds([x]);
  return x;
}
