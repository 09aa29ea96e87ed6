import type * as tf from "@tensorflow/tfjs";

/** The values of a tensor, once they are computed; the tensor is freed. */
export async function valuesOf(x: tf.Tensor): Promise<ArrayLike<number>> {
  const values = await x.data();
  x.dispose();
  return values;
}

/** At most this many of an output's values are compared. */
const COMPARED = 512;

/** Values to compare between the sides. */
export function evenlySpaced(values: ArrayLike<number>): number[] {
  const stride = Math.ceil(values.length / COMPARED);
  return Array.from(values).filter((_, i) => i % stride === 0);
}

/** What `f` gives, and the seconds that it takes. */
export async function timed<T>(f: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now(), result = await f();
  return [result, (performance.now() - start) / 1000];
}
