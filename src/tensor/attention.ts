import * as tf from "@tensorflow/tfjs";
import { byParts, cut, HEADS_FIRST, QUERIES_FIRST } from "./attention_parts.ts";
import { fusedOp } from "./fused_op.ts";
import { type Attributes, defineOperation, type OperationDefinition } from "./operation.ts";
import { consume } from "./raw_ops.ts";
import { wantedInputs } from "./tape.ts";

export interface AttentionOptions {
  /** Added to the scores: [B,heads,N,M]; each size may be 1, it then holds for all. Default, or null: none. */
  bias?: tf.Tensor | null;
  /** Factor of the scores Q·Kᵀ. Default: 1/√d. */
  scale?: number;
}

/**
 * Multi-head attention softmax(scale·Q·Kᵀ + bias)·V (Vaswani et al. 2017, eq. 1), differentiable in all four. The
 * probabilities [B,heads,N,M] never exist as a whole: they are computed for some of the heads or queries at a time,
 * and once more in the backward pass (Rabe & Staats 2021, "Self-attention does not need O(n²) memory"). The backward pass
 * keeps q, k, v, the bias and the value; where the bias is a constant, its gradient is not computed.
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
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  heads: number,
  { bias, scale }: AttentionOptions = {},
): tf.Tensor {
  const width = q.shape.at(-1)!;
  if (width % heads !== 0) {
    throw new Error(`attention(): ${width} channels do not divide into ${heads} heads`);
  }
  const attributes = { heads, scale: scale ?? 1 / Math.sqrt(width / heads) };
  return bias ? BIASED_ATTENTION({ q, k, v, bias }, attributes) : ATTENTION({ q, k, v }, attributes);
}

type Input = "q" | "k" | "v" | "bias";
type Inputs = Record<Exclude<Input, "bias">, tf.Tensor> & { bias?: tf.Tensor };

/** In a backward pass: whether the bias is more than a constant. */
const biasWanted = () => wantedInputs()?.has("bias") ?? true;

const IMPLEMENTATION: Pick<OperationDefinition<Input, never>, "savesValue" | "forward" | "backward"> = {
  savesValue: true,
  forward(inputs, attributes) {
    const { q, k, v, bias, scores, join } = splitHeads(inputs, attributes);
    const value = byParts(scores, QUERIES_FIRST, [[]], (part) => {
      const [samples, heads] = part, keys = cut(k, [samples, heads]), values = cut(v, [samples, heads]);
      const p = probabilities(cut(q, part), keys, bias && cut(bias, part));
      return [consume((p) => tf.matMul(p, values), p)];
    });
    return value.map(join);
  },
  backward({ dy, y, ...inputs }, attributes) {
    const { q, k, v, bias, scores, join, split, scale } = splitHeads(inputs, attributes);
    const dOut = split(dy);
    const along = consume((products) => products.sum(-1, true), split(dy.mul(y))); // Σ_m p·∂L/∂p  [B,heads,N,1]
    const shared = bias?.shape.flatMap((size, axis) => size === 1 ? [axis] : []) ?? [];
    const withBias = bias && biasWanted(), summed = [[], [2], [2], ...withBias ? [shared] : []];
    const [dq, dk, dv, dBias] = byParts(scores, HEADS_FIRST, summed, (part) => {
      const [samples, heads] = part, keys = cut(k, [samples, heads]), values = cut(v, [samples, heads]);
      const [q1, dOut1, along1] = [q, dOut, along].map((x) => cut(x, part)) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const p = probabilities(q1, keys, bias && cut(bias, part)), dv = tf.matMul(p, dOut1, true, false);
      const centred = consume((dp) => dp.sub(along1), tf.matMul(dOut1, values, false, true));
      const dScores = consume((p, centred) => p!.mul(centred!), p, centred);
      const dBias = withBias ? [dScores.sum(shared, true)] : []; // of no axes: the same numbers
      return consume((ds) => [tf.matMul(ds, keys), tf.matMul(ds, q1, true, false), dv, ...dBias], dScores);
    }) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
    return [join(dq).mul(scale), join(dk), join(dv), ...dBias ? [dBias] : []];
  },
};

const ATTENTION = defineOperation<"q" | "k" | "v">({
  name: "Attention",
  differentiable: ["q", "k", "v"],
  saves: ["q", "k", "v"],
  ...IMPLEMENTATION,
  fused: {
    forward: ({ q, k, v }, attributes) => fusedOp("Attention", attributes, [q, k, v], [q.shape]),
    backward: ({ q, k, v, y, dy }, attributes) =>
      fusedOp("AttentionGrad", attributes, [q, k, v, y, dy], [q.shape, k.shape, v.shape]),
  },
});

const BIASED_ATTENTION = defineOperation<Input>({
  name: "BiasedAttention",
  differentiable: ["q", "k", "v", "bias"],
  saves: ["q", "k", "v", "bias"],
  ...IMPLEMENTATION,
  fused: {
    forward: ({ q, k, v, bias }, attributes) =>
      fusedOp("BiasedAttention", attributes, [q, k, v, bias], [q.shape]),
    backward(inputs, attributes) {
      if (biasWanted()) return IMPLEMENTATION.backward(inputs, attributes);
      const { q, k, v, bias, y, dy } = inputs, shapes = [q.shape, k.shape, v.shape];
      return fusedOp("BiasedAttentionGrad", attributes, [q, k, v, bias, y, dy], shapes);
    },
  },
});

/** Heads as an axis, [B,N,heads·d] → [B,heads,N,d]; the queries are scaled. */
function splitHeads(inputs: Inputs, attributes: Attributes) {
  const [batch, queries, width] = inputs.q.shape as [number, number, number], keys = inputs.k.shape[1]!;
  const heads = attributes.heads as number, scale = attributes.scale as number;
  const split = (x: tf.Tensor) => x.reshape([batch, -1, heads, width / heads]).transpose([0, 2, 1, 3]);
  return {
    q: split(inputs.q).mul(scale),
    k: split(inputs.k),
    v: split(inputs.v),
    bias: inputs.bias,
    scores: [batch, heads, queries, keys] as const,
    split,
    join: (x: tf.Tensor) => x.transpose([0, 2, 1, 3]).reshape([batch, -1, width]),
    scale,
  };
}

/** softmax(Q·Kᵀ + bias) of scaled queries. */
function probabilities(q: tf.Tensor, k: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  const scores = tf.matMul(q, k, false, true);
  return consume((s) => tf.softmax(s), bias ? consume((s) => s.add(bias), scores) : scores);
}
