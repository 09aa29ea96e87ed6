import type { TensorflowLibrary } from "./library.ts";

/** TensorFlow's numbers for element types. */
export const DataType = {
  float: 1,
  int32: 3,
  uint8: 4,
  int16: 5,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  half: 19,
  float8E5m2: 24,
  float8E4m3: 25,
  int8: 6,
  resource: 20,
} as const;

/** Types whose numbers are float32 to tfjs, in whatever bits TensorFlow stores them, by safetensors' names. */
export const STORED_TYPES: Readonly<Record<string, number>> = {
  F32: DataType.float,
  BF16: DataType.bfloat16,
  F16: DataType.half,
  F8_E5M2: DataType.float8E5m2,
  F8_E4M3: DataType.float8E4m3,
  I8: DataType.int8,
};

/** How many bytes a number of such a type takes. */
export const STORED_BYTES: Readonly<Record<number, number>> = {
  [DataType.float]: 4,
  [DataType.bfloat16]: 2,
  [DataType.half]: 2,
  [DataType.float8E5m2]: 1,
  [DataType.float8E4m3]: 1,
  [DataType.int8]: 1,
};

const floating = new Set(Object.values(STORED_TYPES));

/** Whether numbers of this type are float32 to tfjs. */
export const isFloating = (dtype: number): boolean => floating.has(dtype);

/** The type that tfjs takes a tensor for. */
export const seenType = (dtype: number): number => isFloating(dtype) ? DataType.float : dtype;

/** Values of a tensor as tfjs hands them over: numbers, or one UTF-8 string per element. */
export type TensorValues = Float32Array | Int32Array | Uint8Array | BigInt64Array | (Uint8Array | string)[];

const STRING_BYTES = 24; // sizeof(TF_TString)
const encoder = new TextEncoder();
const dimensions = new BigInt64Array(16);

/** A `TF_Tensor` of uninitialised memory. */
export function allocate(
  library: TensorflowLibrary,
  shape: readonly number[],
  dtype: number,
  bytes: number,
): bigint {
  if (shape.length > dimensions.length) {
    throw new Error(`A tensor has at most ${dimensions.length} dimensions.`);
  }
  for (let i = 0; i < shape.length; i++) dimensions[i] = BigInt(shape[i]!);
  return library.TF_AllocateTensor(dtype, dimensions, shape.length, BigInt(bytes));
}

/** How many numbers the array of a tensor holds: two 32-bit ones for each complex64 and int64. */
function arrayLength(dtype: number, elements: number, values: TensorValues): number | undefined {
  if (values instanceof Float32Array) {
    return dtype === DataType.float ? elements : dtype === DataType.complex64 ? 2 * elements : undefined;
  }
  if (values instanceof Int32Array) {
    return dtype === DataType.int32 ? elements : dtype === DataType.int64 ? 2 * elements : undefined;
  }
  if (values instanceof Uint8Array) {
    return dtype === DataType.bool || dtype === DataType.uint8 ? elements : undefined;
  }
  return undefined;
}

/**
 * A new `TF_Tensor` with a copy of `values`; the caller frees it (`freeStrings` first if it holds strings).
 *
 * @throws Error if the array's type or length does not fit `dtype` and `shape`.
 */
export function createTensor(
  library: TensorflowLibrary,
  shape: readonly number[],
  dtype: number,
  values: TensorValues,
): bigint {
  const elements = shape.reduce((a, b) => a * b, 1);
  if (Array.isArray(values)) return createStrings(library, shape, dtype, elements, values);
  const length = arrayLength(dtype, elements, values);
  if (length === undefined) {
    throw new Error(
      `A tensor of TensorFlow's type ${dtype} cannot be made from a ${values.constructor.name}.`,
    );
  }
  if (length !== values.length) {
    throw new Error(
      `A tensor of shape [${shape}] needs ${length} numbers, but the array holds ${values.length}.`,
    );
  }
  const tensor = allocate(library, shape, dtype, values.byteLength);
  if (values.byteLength) {
    library.copyIn(library.TF_TensorData(tensor), values as BufferSource, BigInt(values.byteLength));
  }
  return tensor;
}

function createStrings(
  library: TensorflowLibrary,
  shape: readonly number[],
  dtype: number,
  elements: number,
  values: (Uint8Array | string)[],
): bigint {
  if (dtype !== DataType.string) throw new Error(`Expected a typed array for TensorFlow's type ${dtype}.`);
  if (values.length !== elements) {
    throw new Error(`A tensor of shape [${shape}] needs ${elements} strings, but got ${values.length}.`);
  }
  const tensor = allocate(library, shape, dtype, STRING_BYTES * elements);
  const start = library.TF_TensorData(tensor);
  values.forEach((value, i) => {
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    const string = start + BigInt(STRING_BYTES * i);
    library.TF_StringInit(string);
    // An empty buffer has no address to pass.
    library.TF_StringCopy(
      string,
      (bytes.length ? bytes : new Uint8Array(1)) as BufferSource,
      BigInt(bytes.length),
    );
  });
  return tensor;
}

/** Frees the characters of a tensor made by `createTensor` from strings; `TF_DeleteTensor` leaves them behind. */
export function freeStrings(library: TensorflowLibrary, tensor: bigint): void {
  const start = library.TF_TensorData(tensor);
  const bytes = library.TF_TensorByteSize(tensor);
  for (let at = 0n; at < bytes; at += BigInt(STRING_BYTES)) library.TF_StringDealloc(start + at);
}

/** A copy of a `TF_Tensor`'s values: numbers, or one byte array per string. Booleans come as 0 and 1. */
export function readTensor(library: TensorflowLibrary, tensor: bigint, dtype: number): TensorValues {
  const bytes = Number(library.TF_TensorByteSize(tensor));
  const start = library.TF_TensorData(tensor);
  if (dtype === DataType.string) {
    return Array.from(
      { length: bytes / STRING_BYTES },
      (_, i) => readString(library, start + BigInt(STRING_BYTES * i)),
    );
  }
  const values = arrayFor(dtype, bytes);
  if (bytes) library.copyOut(values, start, BigInt(bytes));
  return values;
}

/** A copy of a `TF_Tensor`'s bytes. */
export function tensorBytes(library: TensorflowLibrary, tensor: bigint): Uint8Array {
  const bytes = new Uint8Array(Number(library.TF_TensorByteSize(tensor)));
  if (bytes.length) library.copyOut(bytes, library.TF_TensorData(tensor), BigInt(bytes.length));
  return bytes;
}

function readString(library: TensorflowLibrary, string: bigint): Uint8Array {
  const bytes = new Uint8Array(Number(library.TF_StringGetSize(string)));
  if (bytes.length) library.copyOut(bytes, library.TF_StringGetDataPointer(string), BigInt(bytes.length));
  return bytes;
}

function arrayFor(dtype: number, bytes: number) {
  switch (dtype) {
    case DataType.float:
    case DataType.complex64:
      return new Float32Array(bytes / 4);
    case DataType.int32:
      return new Int32Array(bytes / 4);
    case DataType.int64:
      return new BigInt64Array(bytes / 8);
    case DataType.bool:
    case DataType.uint8:
    case DataType.resource:
      return new Uint8Array(bytes);
    default:
      throw new Error(`Values of TensorFlow's type ${dtype} cannot be read. Cast them to float32 first.`);
  }
}
