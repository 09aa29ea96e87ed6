import * as tf from "@tensorflow/tfjs";

/** Running sums of tensors, by index. They outlive a `tf.tidy` that something is added in. */
export class Sums {
  #sums = new Map<number, tf.Tensor>();

  add(index: number, x: tf.Tensor, weight: number): void {
    if (weight === 0) return;
    const sum = this.#sums.get(index), term = () => weight === 1 ? x.clone() : tf.mul(x, weight);
    this.#sums.set(index, tf.keep(tf.tidy(() => sum ? tf.add(sum, term()) : term())));
    sum?.dispose();
  }

  /** The sum, if there is any, which leaves the set and is the caller's to dispose. */
  take(index: number): tf.Tensor | undefined {
    const sum = this.#sums.get(index);
    this.#sums.delete(index);
    return sum;
  }

  dispose(): void {
    tf.dispose([...this.#sums.values()]);
    this.#sums.clear();
  }
}
