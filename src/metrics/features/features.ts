import { NotFiniteError, UserError } from "../../runtime/errors.ts";

/** A feature matrix [n, d], row-major: one row per image, made by one and the same network. */
export interface Features {
  /** How many images. */
  n: number;
  /** Features per image. */
  d: number;
  /** n · d numbers, image by image. */
  data: Float32Array;
}

/** The rows that `indices` names, in that order: [indices.length, d]. */
export function takeRows({ d, data }: Features, indices: ArrayLike<number>): Features {
  const out = new Float32Array(indices.length * d);
  for (let i = 0; i < indices.length; i++) {
    out.set(data.subarray(indices[i]! * d, (indices[i]! + 1) * d), i * d);
  }
  return { n: indices.length, d, data: out };
}

/**
 * Fails unless the matrix is complete and finite.
 *
 * @param name what the matrix holds, for the message, e.g. "generated"
 * @param least the fewest rows that the caller can use
 * @throws {UserError} naming the matrix, what it has and what was expected
 */
export function checkFeatures(name: string, { n, d, data }: Features, least = 1): void {
  if (data.length !== n * d || d < 1) {
    throw new UserError(`${name} features: ${data.length} numbers for n = ${n}, d = ${d}; expected n · d`);
  }
  if (n < least) {
    throw new UserError(`${name} features: ${n} images, but at least ${least} are needed: add images`);
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new NotFiniteError(
      `${name} features: image ${Math.floor(bad / d)} has the value ${data[bad]}; expected finite numbers. ` +
        `Look at that image and at the network that made it`,
    );
  }
}

/** Fails unless all named matrices are complete, finite and as wide as the first: see {@linkcode checkFeatures}. */
export function checkSameSpace(matrices: Record<string, Features>, least = 1): void {
  const [first] = Object.entries(matrices);
  for (const [name, features] of Object.entries(matrices)) {
    checkFeatures(name, features, least);
    if (features.d !== first![1].d) {
      throw new UserError(
        `${name} features have d = ${features.d}, ${first![0]} features d = ${first![1].d}; ` +
          `expected the same: extract both with one network`,
      );
    }
  }
}
