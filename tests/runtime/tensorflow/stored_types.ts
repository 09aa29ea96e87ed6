import * as tf from "@tensorflow/tfjs";

/** A type that tensors are stored in: how many bytes a number takes, and what its bits mean. */
export interface StoredType {
  bytes: 1 | 2 | 4;
  value(bits: number): number;
}

/** A floating type of these bits; `finite`: without infinities, as in float8_e4m3fn. */
function floating(exponent: number, fraction: number, finite = false): StoredType["value"] {
  const bias = 2 ** (exponent - 1) - 1, highest = 2 ** exponent - 1, unit = 2 ** fraction;
  return (bits) => {
    const sign = bits >> exponent + fraction ? -1 : 1;
    const e = bits >> fraction & highest, f = bits & unit - 1;
    if (finite ? e === highest && f === unit - 1 : e === highest && f > 0) return NaN;
    if (!finite && e === highest) return sign * Infinity;
    return sign * (e ? (1 + f / unit) * 2 ** (e - bias) : f / unit * 2 ** (1 - bias));
  };
}

/** By the names of safetensors. */
export const STORED: Record<string, StoredType> = {
  BF16: { bytes: 2, value: floating(8, 7) },
  F16: { bytes: 2, value: floating(5, 10) },
  F8_E5M2: { bytes: 1, value: floating(5, 2) },
  F8_E4M3: { bytes: 1, value: floating(4, 3, true) },
  I8: { bytes: 1, value: (bits) => bits << 24 >> 24 },
};

/** Bits of 256 numbers of a type, spread over all of its patterns, and the numbers; 0 for those that are not ordinary. */
export function samples({ bytes, value }: StoredType): { bytes: Uint8Array; values: number[] } {
  const ordinary = (x: number) =>
    Number.isFinite(x) && (x === 0 || Math.abs(x) > 1e-30 && Math.abs(x) < 1e30);
  const patterns = Array.from({ length: 256 }, (_, i) => bytes === 1 ? i : i * 257);
  const bits = patterns.map((pattern) => ordinary(value(pattern)) ? pattern : 0);
  const array = bytes === 1 ? Uint8Array.from(bits) : Uint16Array.from(bits);
  return { bytes: new Uint8Array(array.buffer), values: bits.map(value) };
}

/** What is done with a stored matrix [16,16]. */
export const USES: Record<string, (x: tf.Tensor) => tf.Tensor | tf.Tensor[]> = {
  "as it is": (x) => x.clone(),
  "in another shape": (x) => x.reshape([4, 64]),
  "with an axis more, and less": (x) => x.expandDims(0).squeeze([0]),
  transposed: (x) => x.transpose(),
  "cut out": (x) => x.slice([3, 0], [5, 7]),
  "every second row": (x) => tf.stridedSlice(x, [0, 0], [16, 16], [2, 1]),
  "put together": (x) => tf.concat([x, x.slice([0, 0], [1, 16])], 0),
  "put together with float32": (x) => tf.concat([x, tf.ones([2, 16])], 0),
  stacked: (x) => tf.stack([x, x]),
  "in parts": (x) => tf.split(x, 4, 1),
  "in rows": (x) => tf.unstack(x),
  "chosen rows": (x) => tf.gather(x, tf.tensor1d([3, 3, 0], "int32")),
  repeated: (x) => x.tile([2, 1]),
  padded: (x) => x.pad([[1, 0], [0, 2]], 0.5),
  added: (x) => x.add(1),
  "with itself": (x) => x.mul(x).sub(x),
  summed: (x) => [x.sum(), x.max(1)],
  "as whole numbers": (x) => x.clipByValue(-100, 100).toInt(),
  compared: (x) => x.greater(0),
  multiplied: (x) => tf.matMul(x, tf.eye(16)),
  "moved, then multiplied": (x) => tf.matMul(tf.ones([1, 16]), x.transpose().reshape([16, 16]).mul(1 / 16)),
  "an image": (x) => tf.conv2d(x.reshape([1, 16, 16, 1]) as tf.Tensor4D, tf.ones([3, 3, 1, 1]), 1, "same"),
};
