import { UserError } from "../runtime/errors.ts";

/**
 * Numbers of one tensor on the host: floats of any width as Float32Array, integers and booleans as
 * Int32Array.
 */
export type HostData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** One tensor outside the engine. `dtype` is the name safetensors gives to how it is stored, e.g. "F16". */
export interface HostTensor {
  shape: readonly number[];
  dtype: string;
  data: HostData;
}

/** Dtypes that can be written. */
export type WriteDtype = "F32" | "F16" | "BF16" | "I32";

/** Bytes per element of the dtypes that can be read. */
export const DTYPE_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

/** A value that its new type cannot hold; `forTensor` adds the names of the file and the tensor. */
export class UnfitValue extends Error {}

/** Runs `f` on the numbers of a tensor. @throws UserError in place of `UnfitValue` */
export function forTensor<T>(f: () => T, name: string, path: string): T {
  try {
    return f();
  } catch (error) {
    if (error instanceof UnfitValue) {
      throw new UserError(`${path}: tensor "${name}": ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Little-endian bytes of a stored tensor as numbers. Throws `UnfitValue` for integers beyond 32 bits. */
export function decode(bytes: Uint8Array<ArrayBuffer>, dtype: string): HostData {
  const { buffer } = bytes.byteOffset === 0 ? bytes : bytes.slice();
  switch (dtype) {
    case "F64":
      return new Float32Array(new Float64Array(buffer));
    case "F32":
      return new Float32Array(buffer);
    case "F16":
      return new Float32Array(new Float16Array(buffer));
    case "BF16":
      return widenBfloat(new Uint16Array(buffer));
    case "I64":
      return exactIntegers(new BigInt64Array(buffer));
    case "U64":
      return exactIntegers(new BigUint64Array(buffer));
    case "I32":
      return new Int32Array(buffer);
    case "U32":
      return exactIntegers(new Uint32Array(buffer));
    case "I16":
      return new Int32Array(new Int16Array(buffer));
    case "U16":
      return new Int32Array(new Uint16Array(buffer));
    case "I8":
      return new Int32Array(new Int8Array(buffer));
    case "U8":
    case "BOOL":
      return new Int32Array(new Uint8Array(buffer));
    case "F8_E4M3":
    case "F8_E5M2":
      return lookedUp(bytes, FLOAT8[dtype]);
    default:
      throw new UnfitValue(`dtype ${dtype} is not supported`);
  }
}

/**
 * Numbers as little-endian bytes, rounded to nearest even. Throws `UnfitValue` where a finite number would
 * become infinite or an integer would change.
 */
export function encode(data: HostData, dtype: WriteDtype): Uint8Array<ArrayBuffer> {
  const stored = convert(data, dtype);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

function convert(data: HostData, dtype: WriteDtype) {
  if (dtype === "I32") return data instanceof Int32Array ? data : exactIntegers(data);
  const floats = data instanceof Float32Array ? data : new Float32Array(data);
  if (dtype === "F32") return floats;
  const narrow = dtype === "F16" ? new Float16Array(floats) : narrowToBfloat(floats);
  const infinite = dtype === "F16"
    ? (i: number) => !Number.isFinite(narrow[i]!)
    : (i: number) => (narrow[i]! & 0x7f80) === 0x7f80;
  for (let i = 0; i < floats.length; i++) {
    if (infinite(i) && Number.isFinite(floats[i]!)) {
      throw new UnfitValue(`${floats[i]} is too large for ${dtype}`);
    }
  }
  return narrow;
}

function exactIntegers(source: ArrayLike<number | bigint>): Int32Array<ArrayBuffer> {
  const out = new Int32Array(source.length);
  for (let i = 0; i < out.length; i++) {
    const value = Number(source[i]);
    out[i] = value;
    if (out[i] !== value) throw new UnfitValue(`${source[i]} is not a 32-bit integer`);
  }
  return out;
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat(halves: Uint16Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** Values of all 256 codes of the 8-bit floats (Micikevicius et al. 2022, arXiv 2209.05433, table 1). */
const FLOAT8 = {
  F8_E4M3: float8({ exponentBits: 4, infinities: false }),
  F8_E5M2: float8({ exponentBits: 5, infinities: true }),
};

/** Without infinities all codes of the largest exponent are numbers but the last, NaN. */
function float8({ exponentBits, infinities }: { exponentBits: number; infinities: boolean }): Float32Array {
  const fractions = 2 ** (7 - exponentBits),
    bias = 2 ** (exponentBits - 1) - 1,
    largest = 2 ** exponentBits - 1;
  return Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code < 128 ? 1 : -1,
      exponent = Math.floor(code % 128 / fractions),
      fraction = code % fractions;
    if (exponent === largest && (infinities || fraction === fractions - 1)) {
      return infinities && fraction === 0 ? sign * Infinity : NaN;
    }
    return exponent === 0
      ? sign * fraction / fractions * 2 ** (1 - bias)
      : sign * (1 + fraction / fractions) * 2 ** (exponent - bias);
  });
}

function lookedUp(codes: Uint8Array, values: Float32Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = values[codes[i]!]!;
  return out;
}

function narrowToBfloat(floats: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  return Uint16Array.from(bits, (b, i) => {
    if (Number.isNaN(floats[i])) return (b >>> 16) | 0x40;
    return (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  });
}
