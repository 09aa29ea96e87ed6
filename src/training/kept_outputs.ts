import * as tf from "@tensorflow/tfjs";

/**
 * A frozen network's outputs for pictures of a data set: each is computed once, later it comes from memory, where it is a
 * plain array.
 *
 * @param network pictures [B,H,W,C] → [B,…]
 * @returns outputs for pictures and their places in the data set; the caller disposes them
 */
export function keptOutputs(
  network: (images: tf.Tensor4D) => tf.Tensor,
): (images: tf.Tensor4D, indices: ArrayLike<number>) => Promise<tf.Tensor> {
  const kept = new Map<number, Float32Array>();
  let shape: number[] = [];
  return async (images, indices) => {
    const places = Array.from(indices), batch = places.length;
    if (places.some((place) => !kept.has(place))) {
      const outputs = network(images), values = await outputs.data<"float32">(), size = values.length / batch;
      shape = outputs.shape.slice(1);
      places.forEach((place, i) => kept.set(place, values.slice(i * size, (i + 1) * size)));
      return outputs;
    }
    const size = kept.get(places[0]!)!.length, values = new Float32Array(batch * size);
    places.forEach((place, i) => values.set(kept.get(place)!, i * size));
    return tf.tensor(values, [batch, ...shape]);
  };
}
