import * as tf from "@tensorflow/tfjs";

/** Added to a score, it makes the probability 0; where a whole row has it, all are equal. */
const MASKED = -1e30;

export interface BiasedAttentionOptions {
  /** How many equal parts the channels are split into. */
  heads: number;
  /** Factor of the scores Q·Kᵀ; default: 1/√d. */
  scale?: number;
}

/**
 * Multi-head attention softmax(scale·Q·Kᵀ + bias)·V, differentiable in all four. As `attention`, it computes the
 * probabilities again in the backward pass instead of keeping them.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { biasedAttention, causalBias } from "./biased_attention.ts";
 * await tf.setBackend("cpu");
 * const x = tf.randomNormal([1, 7, 32]);
 * console.log(biasedAttention(x, x, x, causalBias(7), { heads: 4 }).shape); // [1, 7, 32]
 * ```
 *
 * @param q queries [B,N,heads·d]
 * @param k keys [B,M,heads·d]
 * @param v values [B,M,heads·d]
 * @param bias of the scores [B,heads,N,M]; each size may be 1, it then holds for all
 * @returns [B,N,heads·d]
 * @throws Error when the channels do not divide into the heads
 */
export function biasedAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  bias: tf.Tensor,
  { heads, scale }: BiasedAttentionOptions,
): tf.Tensor {
  const [batch, queries, width] = q.shape as [number, number, number];
  if (width % heads !== 0) {
    throw new Error(`biasedAttention(): ${width} channels do not divide into ${heads} heads`);
  }
  const headWidth = width / heads, factor = scale ?? 1 / Math.sqrt(headWidth);
  /** [B,N,heads·d] → [B,heads,N,d] */
  const split = (x: tf.Tensor) => x.reshape([batch, -1, heads, headWidth]).transpose([0, 2, 1, 3]);
  const join = (x: tf.Tensor) => x.transpose([0, 2, 1, 3]).reshape([batch, -1, width]);
  const probabilities = (q: tf.Tensor, k: tf.Tensor, bias: tf.Tensor) =>
    tf.softmax(tf.matMul(split(q), split(k), false, true).mul(factor).add(bias));

  return tf.customGrad((...args: unknown[]) => {
    const [q, k, v, bias, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([q, k, v, bias]);
    return {
      value: join(tf.matMul(probabilities(q, k, bias), split(v))).reshape([batch, queries, width]),
      gradFunc: backward,
    };
  })(q, k, v, bias);

  function backward(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
    const [q, k, v, bias] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const p = probabilities(q, k, bias), dOut = split(dy);
    const dp = tf.matMul(dOut, split(v), false, true);
    const ds = p.mul(dp.sub(p.mul(dp).sum(-1, true)));
    const shared = bias.shape.flatMap((size, axis) => size === 1 ? [axis] : []);
    return [
      join(tf.matMul(ds, split(k))).mul(factor),
      join(tf.matMul(ds, split(q), true, false)).mul(factor),
      join(tf.matMul(p, dOut, true, false)),
      shared.length > 0 ? ds.sum(shared, true) : ds,
    ];
  }
}

/** The bias [1,1,N,N] with which each token attends to itself and those before it only. */
export function causalBias(tokens: number): tf.Tensor4D {
  const ahead = new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) ahead.fill(MASKED, i * tokens + i + 1, (i + 1) * tokens);
  return tf.tensor4d(ahead, [1, 1, tokens, tokens]);
}

/** The bias [B,1,1,M] with which no token attends to padding. `mask` [B,M] is 1 for tokens, 0 for padding. */
export function paddingBias(mask: tf.Tensor): tf.Tensor {
  return tf.sub(1, mask.toFloat()).mul(MASKED).expandDims(1).expandDims(1);
}
