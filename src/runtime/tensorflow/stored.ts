/**
 * Tensors that TensorFlow stores in fewer bits than the float32 that tfjs takes them for: frozen weights as they are in
 * their file, or in the type that products compute in. They are cast where they are used.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.ts";
import type { ComputePrecision } from "../precision.ts";
import { cPath } from "../system_library.ts";
import { AttributeKind } from "./attributes.ts";
import { backend, onTensorflow } from "./backend.ts";
import { castOp } from "./casts.ts";
import { fileFunctions, kernelsLoaded } from "./kernels.ts";
import { lowType } from "./precision.ts";
import { session } from "./session.ts";
import { mapped } from "./system.ts";
import { allocate, DataType, STORED_BYTES, STORED_TYPES } from "./tensors.ts";

/** Whether a tensor can be stored in this type of safetensors here; elsewhere its numbers have to be made float32. */
export const canStore = (type: string): boolean => onTensorflow() && type in STORED_TYPES;

/** Where a tensor's bytes lie. */
export interface FileRange {
  path: string;
  begin: number;
  length: number;
}

/**
 * A tensor of numbers as they are stored, in this type of safetensors.
 *
 * @param bytes little-endian
 */
export function storedTensor(bytes: Uint8Array, type: string, shape: readonly number[]): tf.Tensor {
  const { library } = session();
  const tensor = allocate(library, shape, STORED_TYPES[type]!, bytes.byteLength);
  if (bytes.byteLength) {
    library.copyIn(library.TF_TensorData(tensor), bytes as BufferSource, BigInt(bytes.byteLength));
  }
  return adopted(tensor, STORED_TYPES[type]!, shape);
}

/**
 * The same, where the bytes lie in a file. Kept in the type of the file, its pages are the tensor's memory, which the system
 * may drop and read again, if they begin at a multiple of 64 bytes; the file must not change meanwhile. Else they are read,
 * once, straight to where they stay.
 *
 * @param precision to round numbers to, for weights that products round anyway; undefined to keep them
 * @returns undefined where this cannot be done: without this project's kernels, or on a graphics card
 * @throws UserError if the file has become shorter
 */
export async function tensorOfFile(
  { path, begin, length }: FileRange,
  type: string,
  shape: readonly number[],
  precision?: ComputePrecision,
): Promise<tf.Tensor | undefined> {
  const { library, context } = session(), files = fileFunctions(), from = STORED_TYPES[type]!;
  if (!files || context.gpu || length === 0) return undefined;
  const to = precision && CASTABLE.has(from) ? lowType(precision) : from;
  const range = to === from && begin % ALIGNMENT === 0 ? mapped(library, path, begin, length) : undefined;
  if (range) {
    const dimensions = BigInt64Array.from(shape.length ? shape : [0], BigInt), { address, before } = range;
    const bytes = BigInt(length);
    const tensor = library.TF_NewTensor(to, dimensions, shape.length, address, bytes, files.unmap, before);
    return adopted(tensor, to, shape);
  }
  const count = length / STORED_BYTES[from]!;
  const tensor = allocate(library, shape, to, count * STORED_BYTES[to]!);
  const address = library.TF_TensorData(tensor);
  if (await files.read(cPath(path), BigInt(begin), BigInt(count), from, to, address) === 0) {
    return adopted(tensor, to, shape);
  }
  library.TF_DeleteTensor(tensor);
  throw new UserError(
    `${path}: ${length} bytes from byte ${begin} on cannot be read: did the file change while being read?`,
  );
}

/** TensorFlow takes memory for a tensor's as it is if it begins at a multiple of so many bytes. */
const ALIGNMENT = 64;
const CASTABLE: ReadonlySet<number> = new Set([DataType.float, DataType.half, DataType.bfloat16]);

/** TensorFlow's number of the type that a tensor is stored in; undefined where that is what tfjs takes it for. */
export function storageOf(x: tf.Tensor): number | undefined {
  if (!onTensorflow() || session().stored.size === 0) return undefined;
  return session().stored.get(backend().tensorMap.get(x.dataId)?.id ?? -1);
}

/** A new tensor with the numbers of x, rounded to the type that products compute in; float32 where that is float32. */
export function storedAs<T extends tf.Tensor>(x: T, precision: ComputePrecision): T {
  if (!onTensorflow()) return x.clone();
  const from = storageOf(x) ?? DataType.float, to = lowType(precision);
  if (from === to) return x.clone();
  return cast(x, from, to);
}

/** A new tensor of whole numbers from −128 to 127, a byte each. */
export function storedAsBytes<T extends tf.Tensor>(x: T): T {
  return onTensorflow() ? cast(x, storageOf(x) ?? DataType.float, DataType.int8) : x.clone();
}

/**
 * The transpose of a tensor, stored as it is. TensorFlow is given float16 as whole numbers of two bytes: its own library for
 * transposes complains, on many processors, that it knows no float16.
 */
export function transposed(x: tf.Tensor, axes: number[]): tf.Tensor {
  const type = storageOf(x);
  if (type !== DataType.half && type !== DataType.bfloat16) return tf.transpose(x, axes);
  const node = backend(), { binding } = node;
  const kind = (name: string, value: number) => ({ name, type: AttributeKind.type, value });
  const relabelled = (id: number, from: number, to: number) =>
    binding.executeOp("Bitcast", [kind("T", from), kind("type", to)], [id], 1)[0]!;
  const order = tf.tensor1d(axes, "int32"), [given, places] = node.getInputTensorIds([x, order]);
  const bits = relabelled(given!, type, DataType.int16);
  const attributes = [kind("T", DataType.int16), kind("Tperm", DataType.int32)];
  const [moved] = binding.executeOp("Transpose", attributes, [bits.id, places!], 1);
  const result = relabelled(moved!.id, DataType.int16, type);
  binding.deleteTensor(bits.id);
  binding.deleteTensor(moved!.id);
  order.dispose();
  return node.createOutputTensor(result);
}

function cast<T extends tf.Tensor>(x: T, from: number, to: number): T {
  const node = backend(), { name, attributes } = castOp(from, to, kernelsLoaded());
  const [result] = node.binding.executeOp(name, attributes, node.getInputTensorIds([x]), 1);
  return node.createOutputTensor(result!) as T;
}

/** A tfjs tensor of a `TF_Tensor`, which is freed. */
function adopted(tensor: bigint, type: number, shape: readonly number[]): tf.Tensor {
  const { library, status, handles, stored } = session();
  const handle = library.TFE_NewTensorHandle(tensor, status.pointer);
  library.TF_DeleteTensor(tensor);
  status.check();
  const id = handles.add(handle);
  if (type !== DataType.float) stored.set(id, type);
  return backend().createOutputTensor({ id, shape: [...shape], dtype: DataType.float });
}
