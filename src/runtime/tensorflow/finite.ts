import type * as tf from "@tensorflow/tfjs";
import { backend, onTensorflow } from "./backend.ts";
import { fileFunctions } from "./kernels.ts";
import { session } from "./session.ts";
import { storageOf } from "./stored.ts";
import { DataType } from "./tensors.ts";

/**
 * Whether all numbers of a tensor are finite in the bits that it is stored in, in one pass of all cores and without a copy.
 *
 * @returns undefined where this cannot be done: without this project's kernels, or on a graphics card
 */
export async function storedFinite(x: tf.Tensor): Promise<boolean | undefined> {
  const { finite } = (onTensorflow() && fileFunctions()) || {};
  if (!finite || session().context.gpu) return undefined;
  const { library, handles, status } = session(), type = storageOf(x) ?? DataType.float;
  const [id] = backend().getInputTensorIds([x]);
  const tensor = library.TFE_TensorHandleResolve(handles.get(id!), status.pointer);
  status.check();
  try {
    return await finite(library.TF_TensorData(tensor), BigInt(x.size), type) === 1;
  } finally {
    library.TF_DeleteTensor(tensor);
  }
}
