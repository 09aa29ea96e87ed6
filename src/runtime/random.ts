/**
 * Counter-based random numbers: a number is a pure function of (seed, purpose, step, sample, position). The same
 * numbers come out on every engine, in any order, however a batch is split, and a resumed run needs no generator state.
 *
 * The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
 * key = (seed's low word, hash of the purpose), counter = (block, sample, step, seed's high word).
 * @module
 */

/** Names a stream of random numbers that all samples of a step share. */
export interface StepKey {
  /** A whole number from 0 to 2^53 - 1. */
  seed: number;
  /** What the numbers are for, e.g. "noise": different purposes are independent streams. */
  purpose: string;
  /** A whole number below 2^32: the training step, the epoch, ... */
  step: number;
}

/** Names the stream of random numbers of one sample. */
export interface RandomKey extends StepKey {
  /** A whole number below 2^32: the sample's own number, not its place in a batch. */
  sample: number;
}

/**
 * Standard normal float32 numbers (Box-Muller, both outputs used; none exceeds 6.67 in magnitude). The first numbers of
 * a longer draw are those of a shorter one.
 *
 * ```ts
 * import { normal } from "./random.ts";
 * const noise = normal({ seed: 0, purpose: "noise", step: 3, sample: 7 }, 14 * 14 * 4);
 * console.log(noise.length); // 784
 * ```
 */
export function normal(key: RandomKey, n: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(checkedCount(n));
  fillNormal(out, 0, n, streamOf(key));
  return out;
}

/** Uniform float32 numbers in [0, 1), multiples of 2^-24. */
export function uniform(key: RandomKey, n: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(checkedCount(n));
  const stream = streamOf(key);
  forWords(stream, n, (words, at, count) => {
    for (let i = 0; i < count; i++) out[at + i] = (words[i]! >>> 8) * 2 ** -24;
  });
  return out;
}

/** Whole numbers in [0, bound), each equally likely; `bound` is from 1 to 2^31. */
export function integer(key: RandomKey, n: number, bound: number): Int32Array<ArrayBuffer> {
  if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 31) {
    throw new RangeError(`bound must be a whole number from 1 to 2^31, got ${bound}`);
  }
  const out = new Int32Array(checkedCount(n));
  const next = wordReader(streamOf(key));
  for (let i = 0; i < n; i++) out[i] = below(next, bound);
  return out;
}

/**
 * Standard normal numbers of several samples, one after another: row i is `normal({...key, sample: samples[i]}, size)`.
 * So a batch may be split or reordered and every sample keeps its noise.
 *
 * @param samples the samples' own numbers, [B]
 * @param size how many numbers a sample gets, or the shape of one sample
 * @returns B · size numbers
 */
export function normalBatch(
  key: StepKey,
  samples: ArrayLike<number>,
  size: number | readonly number[],
): Float32Array<ArrayBuffer> {
  const n = checkedCount(typeof size === "number" ? size : size.reduce((a, b) => a * b, 1));
  const out = new Float32Array(samples.length * n);
  for (let i = 0; i < samples.length; i++) {
    fillNormal(out, i * n, n, streamOf({ ...key, sample: samples[i]! }));
  }
  return out;
}

/** A random order of 0 … n-1 (Fisher-Yates), each order equally likely. */
export function permutation(key: StepKey, n: number): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(checkedCount(n));
  for (let i = 0; i < n; i++) order[i] = i;
  const next = wordReader(streamOf({ ...key, sample: 0 }));
  for (let i = n - 1; i > 0; i--) {
    const j = below(next, i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/**
 * The Philox4x32-10 function itself: writes the blocks of counters (block, c1, c2, c3), (block + 1, c1, c2, c3), …
 * to `out`, four words each.
 */
export function philox(
  out: Uint32Array,
  [block, c1, c2, c3]: readonly [number, number, number, number],
  [key0, key1]: readonly [number, number],
): void {
  for (let at = 0; at + 4 <= out.length; at += 4, block++) {
    let x0 = block | 0, x1 = c1 | 0, x2 = c2 | 0, x3 = c3 | 0, k0 = key0 | 0, k1 = key1 | 0;
    for (let round = 0; round < 10; round++) {
      // 32 x 32 -> 64 bit products of the multipliers 0xD2511F53 and 0xCD9E8D57, from halves of 16 bits.
      const lowA = x0 & 0xffff,
        highA = x0 >>> 16,
        crossA = Math.imul(0x1f53, highA),
        crossB = Math.imul(0xd251, lowA);
      const carryA = (Math.imul(0x1f53, lowA) >>> 16) + (crossA & 0xffff) + (crossB & 0xffff);
      const hi0 = Math.imul(0xd251, highA) + (crossA >>> 16) + (crossB >>> 16) + (carryA >>> 16);
      const lowB = x2 & 0xffff,
        highB = x2 >>> 16,
        crossC = Math.imul(0x8d57, highB),
        crossD = Math.imul(0xcd9e, lowB);
      const carryB = (Math.imul(0x8d57, lowB) >>> 16) + (crossC & 0xffff) + (crossD & 0xffff);
      const hi1 = Math.imul(0xcd9e, highB) + (crossC >>> 16) + (crossD >>> 16) + (carryB >>> 16);
      const lo0 = Math.imul(0xd2511f53, x0), lo1 = Math.imul(0xcd9e8d57, x2);
      x0 = hi1 ^ x1 ^ k0;
      x1 = lo1;
      x2 = hi0 ^ x3 ^ k1;
      x3 = lo0;
      k0 = (k0 + 0x9e3779b9) | 0;
      k1 = (k1 + 0xbb67ae85) | 0;
    }
    out[at] = x0;
    out[at + 1] = x1;
    out[at + 2] = x2;
    out[at + 3] = x3;
  }
}

interface Stream {
  key: readonly [number, number];
  /** The counter's words after the block number. */
  counter: readonly [number, number, number];
}

function streamOf({ seed, purpose, step, sample }: RandomKey): Stream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed must be a whole number from 0 to 2^53 - 1, got ${seed}`);
  }
  checkWord("step", step);
  checkWord("sample", sample);
  return { key: [seed >>> 0, hash(purpose)], counter: [sample, step, Math.floor(seed / 2 ** 32)] };
}

function checkWord(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
    throw new RangeError(`${name} must be a whole number from 0 to 2^32 - 1, got ${value}`);
  }
}

function checkedCount(n: number): number {
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new RangeError(`a count must be a whole number of at least 0, got ${n}`);
  }
  return n;
}

/** FNV-1a, 32 bits, of the UTF-8 bytes. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

const CHUNK = 1024;
const chunk = new Uint32Array(CHUNK);

/** Calls `use` with the stream's words 0 … n-1, in chunks: `words[0]` is word `at`, `count` of them are wanted. */
function forWords(
  { key, counter }: Stream,
  n: number,
  use: (words: Uint32Array, at: number, count: number) => void,
): void {
  for (let at = 0; at < n; at += CHUNK) {
    const count = Math.min(CHUNK, n - at);
    const words = count === CHUNK ? chunk : chunk.subarray(0, 4 * Math.ceil(count / 4));
    philox(words, [at / 4, ...counter], key);
    use(words, at, count);
  }
}

/** Words 2i and 2i+1 become normals 2i and 2i+1 (Box and Muller 1958). */
function fillNormal(out: Float32Array, start: number, n: number, stream: Stream): void {
  forWords(stream, n, (words, at, count) => {
    const from = start + at;
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[i]! + 1) * 2 ** -32));
      const angle = words[i + 1]! * (2 * Math.PI * 2 ** -32);
      out[from + i] = radius * Math.cos(angle);
      if (i + 1 < count) out[from + i + 1] = radius * Math.sin(angle);
    }
  });
}

/** Reads the stream's words one by one. */
function wordReader({ key, counter }: Stream): () => number {
  const words = new Uint32Array(64);
  let block = 0, at = words.length;
  return () => {
    if (at === words.length) {
      philox(words, [block, ...counter], key);
      block += words.length / 4;
      at = 0;
    }
    return words[at++]!;
  };
}

/** A whole number in [0, bound) with no bias: words of the last, incomplete range are thrown away. */
function below(next: () => number, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let word = next();
  while (word >= limit) word = next();
  return word % bound;
}
