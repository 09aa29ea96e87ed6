import * as tf from "@tensorflow/tfjs";
import { UserError } from "../../runtime/errors.ts";
import { isFile } from "../../runtime/files.ts";
import type { HostTensor } from "../../weights/dtypes.ts";
import { readTensors } from "../../weights/safetensors.ts";

/**
 * Reads a file of recorded tensors that a comparison needs.
 *
 * @throws UserError if it is missing, broken or empty
 */
export async function readRecorded(path: string): Promise<Record<string, HostTensor>> {
  if (!await isFile(path)) {
    throw new UserError(
      `${path}: no such file; save the tensors of a PyTorch run there ("adt parity --help")`,
    );
  }
  const tensors = await readTensors(path);
  if (Object.keys(tensors).length === 0) throw new UserError(`${path}: holds no tensors`);
  return tensors;
}

/** A recorded tensor on the engine, of its own shape; integers stay integers. */
export function onEngine({ data, shape }: HostTensor): tf.Tensor {
  return tf.tensor(data, [...shape], data instanceof Int32Array ? "int32" : "float32");
}
