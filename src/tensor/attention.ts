import * as tf from "@tensorflow/tfjs";
import { onTensorflow } from "../runtime/tensorflow/backend.ts";
import { session } from "../runtime/tensorflow/session.ts";
import { defineOperation } from "./operation.ts";
import { consume } from "./raw_ops.ts";

/**
 * Of the scores, one for each query and key, so many at most are in memory at a time (in the backward pass thrice). On a
 * processor: 8 MiB. A compiled function, which works on several parts at once, took 0.29 GB for the gradients of 8 heads
 * on 4096 tokens with it, 0.54 GB with 16 MiB, and was no faster. A graphics card wants larger parts, and has the memory.
 */
export function scoresAtATime(): number {
  const onCard = onTensorflow() ? session().context.gpu !== undefined : tf.getBackend() === "webgpu";
  return onCard ? 2 ** 25 : 2 ** 21;
}

/**
 * Multi-head scaled dot-product attention softmax(Q·Kᵀ/√d)·V (Vaswani et al. 2017, eq. 1), differentiable in all three.
 * The probabilities [B,heads,N,M] never exist as a whole: they are computed for some of the heads or queries at a time,
 * and once more in the backward pass (Rabe & Staats 2021, "Self-attention does not need O(n²) memory"). The backward pass
 * keeps q, k, v and the value.
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
  const width = q.shape.at(-1)!;
  if (width % heads !== 0) {
    throw new Error(`attention(): ${width} channels do not divide into ${heads} heads`);
  }
  return ATTENTION({ q, k, v }, { heads });
}

const ATTENTION = defineOperation<"q" | "k" | "v">({
  name: "Attention",
  differentiable: ["q", "k", "v"],
  saves: ["q", "k", "v"],
  savesValue: true,
  forward(inputs, attributes) {
    const { q, k, v, join } = splitHeads(inputs, attributes.heads as number);
    const value = parts(q, k).map(({ heads, queries }) => {
      const keys = cut(k, heads), values = cut(v, heads);
      return concat(1, queries.map((rows) => attend(cut(q, heads, rows), keys, values)));
    });
    return [join(concat(0, value))];
  },
  backward({ dy, y, ...inputs }, attributes) {
    const { q, k, v, join, split, scale } = splitHeads(inputs, attributes.heads as number);
    const dOut = split(dy);
    const along = consume((products) => products.sum(-1, true), split(dy.mul(y))); // Σ_m p·∂L/∂p  [B·heads,N,1]
    const gradients = parts(q, k).map(({ heads, queries }) => {
      const keys = cut(k, heads), values = cut(v, heads);
      const ofRows = queries.map((rows) => {
        const [q1, dOut1, along1] = [q, dOut, along].map((x) => cut(x, heads, rows));
        return attendGradients(q1!, keys, values, dOut1!, along1!);
      });
      return {
        q: concat(1, ofRows.map(({ q }) => q)),
        k: tf.addN(ofRows.map(({ k }) => k)),
        v: tf.addN(ofRows.map(({ v }) => v)),
      };
    });
    const all = (name: "q" | "k" | "v") => join(concat(0, gradients.map((g) => g[name])));
    return [all("q").mul(scale), all("k"), all("v")];
  },
});

/** Heads as a batch, [B,N,heads·d] → [B·heads,N,d]; the queries are scaled by 1/√d. */
function splitHeads(inputs: Record<"q" | "k" | "v", tf.Tensor>, heads: number) {
  const [batch, , width] = inputs.q.shape as [number, number, number];
  const d = width / heads, scale = 1 / Math.sqrt(d);
  const split = (x: tf.Tensor) =>
    x.reshape([batch, -1, heads, d]).transpose([0, 2, 1, 3]).reshape([batch * heads, -1, d]);
  const join = (x: tf.Tensor) =>
    x.reshape([batch, heads, -1, d]).transpose([0, 2, 1, 3]).reshape([batch, -1, width]);
  return { q: split(inputs.q).mul(scale), k: split(inputs.k), v: split(inputs.v), split, join, scale };
}

/** From an index, so many. */
type Range = readonly [from: number, count: number];

/** Parts of the (sample, head) pairs, and for each the parts of the queries, with as many scores as fit. */
function parts(q: tf.Tensor, k: tf.Tensor): { heads: Range; queries: Range[] }[] {
  const [heads, queries] = q.shape as [number, number, number], keys = k.shape[1]!;
  const most = scoresAtATime(), ofQueries = ranges(queries, Math.floor(most / keys));
  return ranges(heads, Math.floor(most / (queries * keys))).map((range) => ({
    heads: range,
    queries: ofQueries,
  }));
}

/** 0…total in equal ranges of `most` or less, at least 1. */
function ranges(total: number, most: number): Range[] {
  const length = Math.ceil(total / Math.ceil(total / Math.max(1, most)));
  return Array.from({ length: Math.ceil(total / length) }, (_, i) => {
    const from = i * length;
    return [from, Math.min(length, total - from)];
  });
}

/** A part of [B·heads,N,·]: of the first axis, and of the second or all of it. */
function cut(x: tf.Tensor, heads: Range, rows: Range = [0, x.shape[1]!]): tf.Tensor {
  return x.slice([heads[0], rows[0], 0], [heads[1], rows[1], x.shape[2]!]);
}

/** Joins parts, which are freed. */
function concat(axis: number, xs: tf.Tensor[]): tf.Tensor {
  return xs.length === 1 ? xs[0]! : consume((...xs) => tf.concat(xs, axis), ...xs);
}

/** softmax(Q·Kᵀ) of scaled queries. */
function probabilities(q: tf.Tensor, k: tf.Tensor): tf.Tensor {
  return consume((scores) => tf.softmax(scores), tf.matMul(q, k, false, true));
}

function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  return consume((p) => tf.matMul(p, v), probabilities(q, k));
}

/** Gradients of the scaled queries, the keys and the values: p·(∂L/∂p − Σ p·∂L/∂p) is that of the scores. */
function attendGradients(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, dOut: tf.Tensor, along: tf.Tensor) {
  const p = probabilities(q, k), dv = tf.matMul(p, dOut, true, false);
  const centred = consume((dp) => dp.sub(along), tf.matMul(dOut, v, false, true));
  const dScores = consume((p, centred) => p!.mul(centred!), p, centred);
  return consume((ds) => ({ q: tf.matMul(ds, k), k: tf.matMul(ds, q, true, false), v: dv }), dScores);
}
