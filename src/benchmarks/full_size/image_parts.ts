import { summary } from "../statistics.ts";

/** Sampling steps of the image that the benchmark makes, with the pipeline's own scheduler and guidance. */
export const IMAGE_STEPS = 20;

/** Network calls of it that are timed, after one that is not. */
export const TIMED_CALLS = 3;

/** What `image` is made with; its first calls are made, the rest are like them. */
export interface ImageNumbers {
  caption: string;
  guidanceScale: number;
  /** Network calls under guidance of the whole image; PNDM makes one more than it has steps. */
  calls: number;
  /** The first ones: one to warm up, and `TIMED_CALLS`. */
  path: { timestep: number; inputScale: number }[];
}

/** Seconds of the parts of an image, each after one that was not timed. */
export interface ImageParts {
  /** Encoding the caption and the empty text. */
  encode: number;
  /** Of single network calls under guidance. */
  call: number[];
  decode: number;
  /** How many network calls an image takes. */
  calls: number;
}

/** Seconds of a whole image: the median call as often as the sampler calls, and encoding and decoding once. */
export function imageSeconds({ encode, call, decode, calls }: ImageParts): number {
  return encode + calls * summary(call).median + decode;
}
