import * as tf from "@tensorflow/tfjs";

/**
 * Multi-head scaled dot-product attention softmax(Q·Kᵀ/√d)·V (Vaswani et al. 2017, eq. 1), differentiable in all three.
 * The probabilities are not kept for the backward pass but computed again, so it saves O(N·C) instead of O(heads·N²).
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { attention } from "./attention.ts";
 * await tf.setBackend("cpu");
 * const image = tf.randomNormal([1, 49, 32]), text = tf.randomNormal([1, 7, 32]);
 * console.log(attention(image, text, text, 4).shape); // [1, 49, 32]
 * ```
 *
 * @param q queries [B,N,heads·d]
 * @param k keys [B,M,heads·d]; M may differ from N (cross-attention)
 * @param v values [B,M,heads·d]
 * @param heads how many equal parts the channels are split into
 * @returns [B,N,heads·d]
 * @throws Error when the channels do not divide into the heads
 */
export function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, heads: number): tf.Tensor {
  const [batch, queries, width] = q.shape as [number, number, number];
  if (width % heads !== 0) {
    throw new Error(`attention(): ${width} channels do not divide into ${heads} heads`);
  }
  const headWidth = width / heads, scale = 1 / Math.sqrt(headWidth);
  /** [B,N,heads·d] → [B,heads,N,d] */
  const split = (x: tf.Tensor) => x.reshape([batch, -1, heads, headWidth]).transpose([0, 2, 1, 3]);
  const join = (x: tf.Tensor) => x.transpose([0, 2, 1, 3]).reshape([batch, -1, width]);
  const probabilities = (q: tf.Tensor, k: tf.Tensor) =>
    tf.softmax(tf.matMul(split(q), split(k), false, true).mul(scale));

  return tf.customGrad((...args: unknown[]) => {
    const [q, k, v, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([q, k, v]);
    return {
      value: join(tf.matMul(probabilities(q, k), split(v))).reshape([batch, queries, width]),
      gradFunc: backward,
    };
  })(q, k, v);

  function backward(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
    const [q, k, v] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const p = probabilities(q, k), dOut = split(dy);
    const dp = tf.matMul(dOut, split(v), false, true);
    const ds = p.mul(dp.sub(p.mul(dp).sum(-1, true))).mul(scale);
    return [
      join(tf.matMul(ds, split(k))),
      join(tf.matMul(ds, split(q), true, false)),
      join(tf.matMul(p, dOut, true, false)),
    ];
  }
}
