import * as tf from "@tensorflow/tfjs";

/**
 * Encodes pictures of a data set, each once: later its latents come from memory, as plain arrays.
 *
 * @param encode pictures [B,H,W,C] → latents [B,h,w,c]
 * @returns latents of pictures and their places in the data set; the caller disposes them
 */
export function keptLatents(
  encode: (images: tf.Tensor4D) => tf.Tensor,
): (images: tf.Tensor4D, indices: ArrayLike<number>) => Promise<tf.Tensor> {
  const kept = new Map<number, Float32Array>();
  let shape: number[] = [];
  return async (images, indices) => {
    const places = Array.from(indices);
    if (!places.every((place) => kept.has(place))) {
      const latents = encode(images), values = await latents.data<"float32">();
      const size = values.length / places.length;
      shape = latents.shape.slice(1);
      places.forEach((place, i) => kept.set(place, values.slice(i * size, (i + 1) * size)));
      return latents;
    }
    const values = new Float32Array(places.length * kept.get(places[0]!)!.length);
    places.forEach((place, i) => values.set(kept.get(place)!, i * values.length / places.length));
    return tf.tensor(values, [places.length, ...shape]);
  };
}
