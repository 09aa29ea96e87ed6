import * as tf from "@tensorflow/tfjs";

/** Added to a score, it makes the probability 0; where a whole row has it, all are equal. */
const MASKED = -1e30;

/** The bias [1,1,N,N] of `attention` with which each token attends to itself and those before it only. */
export function causalBias(tokens: number): tf.Tensor4D {
  const ahead = new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) ahead.fill(MASKED, i * tokens + i + 1, (i + 1) * tokens);
  return tf.tensor4d(ahead, [1, 1, tokens, tokens]);
}

/** The bias [B,1,1,M] with which no token attends to padding. `mask` [B,M] is 1 for tokens, 0 for padding. */
export function paddingBias(mask: tf.Tensor): tf.Tensor {
  return tf.sub(1, mask.toFloat()).mul(MASKED).expandDims(1).expandDims(1);
}
