import fc from "fast-check";

/** Numbers that counts and offsets are replaced by. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  20000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
]; // deno-fmt-ignore

/** A place in bytes: near the beginning, near the end, or anywhere. */
const place: fc.Arbitrary<(length: number) => number> = fc.oneof(
  fc.nat(64).map((at) => (length: number) => Math.min(at, length)),
  fc.nat(64).map((at) => (length: number) => Math.max(0, length - at)),
  fc.nat(1_000_000).map((at) => (length: number) => Math.floor(at / 1_000_000 * length)),
);

type Change = (bytes: Uint8Array) => Uint8Array;

const flip: fc.Arbitrary<Change> = fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(
  ([at, mask]) => (bytes) => {
    const i = at(bytes.length);
    if (i < bytes.length) bytes[i]! ^= mask;
    return bytes;
  },
);

const number: fc.Arbitrary<Change> = fc.record({
  at: place,
  size: fc.constantFrom(1, 2, 4, 8),
  little: fc.boolean(),
  value: fc.constantFrom(...EXTREMES),
}).map(({ at, size, little, value }) => (bytes) => {
  const start = at(bytes.length);
  for (let i = 0; i < size && start + i < bytes.length; i++) {
    bytes[start + i] = Number(value >> BigInt(8 * (little ? i : size - 1 - i)) & 0xffn);
  }
  return bytes;
});

const cutOff: fc.Arbitrary<Change> = place.map((at) => (bytes) => bytes.slice(0, at(bytes.length)));

const leaveOut: fc.Arbitrary<Change> = fc.tuple(place, fc.nat(200)).map(([at, count]) => (bytes) => {
  const start = at(bytes.length);
  return joined(bytes.subarray(0, start), bytes.subarray(start + count));
});

const insert: fc.Arbitrary<Change> = fc.tuple(place, fc.uint8Array({ maxLength: 40 })).map(
  ([at, more]) => (bytes) =>
    joined(bytes.subarray(0, at(bytes.length)), more, bytes.subarray(at(bytes.length))),
);

const repeat: fc.Arbitrary<Change> = fc.tuple(place, fc.nat(100), fc.constantFrom(1, 2, 100, 5000))
  .map(([at, count, times]) => (bytes) => {
    const start = at(bytes.length), part = bytes.subarray(start, start + count);
    return joined(bytes.subarray(0, start), ...Array(times).fill(part), bytes.subarray(start));
  });

const change = fc.oneof(
  { weight: 4, arbitrary: flip },
  { weight: 4, arbitrary: number },
  { weight: 2, arbitrary: cutOff },
  { weight: 1, arbitrary: leaveOut },
  { weight: 1, arbitrary: insert },
  { weight: 1, arbitrary: repeat },
);

/** Copies of some bytes with one to four changes: bits, numbers, ends, parts left out, put in or repeated. */
export function oddBytes(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.array(change, { minLength: 1, maxLength: 4 })
    .map((changes) => changes.reduce<Uint8Array>((all, one) => one(all), bytes.slice()));
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
