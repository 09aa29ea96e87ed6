import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { attention } from "../../src/tensor/attention.ts";
import { causalBias, paddingBias } from "../../src/tensor/attention_bias.ts";
import { scoresAtATime } from "../../src/tensor/attention_parts.ts";
import { assertGradients } from "../runtime/engine/finite_differences.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { assertSameFunction, random, savedBytes, take } from "./parity.ts";

await startTestEngine();

const heads = 3;
const inputs = (...bias: number[]) => [
  random([2, 5, 6], 0),
  random([2, 4, 6], 1),
  random([2, 4, 6], 2),
  random(bias, 3),
];

function composed(heads: number, scale: number): (...xs: tf.Tensor[]) => tf.Tensor {
  return (q, k, v, bias) => {
    const split = (x: tf.Tensor) =>
      x.reshape([x.shape[0]!, -1, heads, x.shape[2]! / heads]).transpose([0, 2, 1, 3]);
    const scores = tf.matMul(split(q!), split(k!), false, true).mul(scale).add(bias!);
    return tf.matMul(tf.softmax(scores), split(v!)).transpose([0, 2, 1, 3]).reshape(q!.shape);
  };
}

const biased = (heads: number, scale: number) => (...[q, k, v, bias]: tf.Tensor[]) =>
  attention(q!, k!, v!, heads, { bias, scale });

for (const bias of [[2, heads, 5, 4], [1, heads, 5, 4], [2, 1, 1, 4], [1, 1, 5, 4], [1, 1, 1, 1]]) {
  Deno.test(`attention() with a bias [${bias}] has the value and the gradients of its composition`, () =>
    noLeak(() => assertSameFunction(biased(heads, 0.7), composed(heads, 0.7), inputs(...bias))));
}

for (const shape of [[2, heads, 5, 4], [2, 1, 1, 4], [1, 1, 1, 4]]) {
  Deno.test(`attention() with a constant bias [${shape}] has the value and the gradients of its composition`, () =>
    noLeak(async () => {
      const [q, k, v, bias] = inputs(...shape) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const of = (f: (...xs: tf.Tensor[]) => tf.Tensor) => (...xs: tf.Tensor[]) => f(...xs, bias);
      await assertSameFunction(of(biased(heads, 0.7)), of(composed(heads, 0.7)), [q, k, v]);
      bias.dispose();
    }));
}

Deno.test("attention() with ln n added to a key's scores is attention() with that key n times", () =>
  noLeak(async () => {
    const n = 9, repeated = (x: tf.Tensor) => tf.concat([x, ...Array(n - 1).fill(x.slice([0, 3, 0]))], 1);
    const bias = tf.tensor4d([0, 0, 0, Math.log(n)], [1, 1, 1, 4]);
    await assertSameFunction(
      (q, k, v) => attention(q!, k!, v!, heads, { bias }),
      (q, k, v) => attention(q!, repeated(k!), repeated(v!), heads),
      [[2, 5, 6], [2, 4, 6], [2, 4, 6]].map(random),
    );
    bias.dispose();
  }));

Deno.test("attention(): the gradients with a bias agree with finite differences", () =>
  noLeak(() =>
    assertGradients({ shapes: [[2, 5, 6], [2, 4, 6], [2, 4, 6], [1, heads, 5, 4]], f: biased(heads, 0.7) })
  ));

/** Sizes of which the scores do not fit at once: of all samples, of all heads, and of one head. */
const LARGE: Record<string, { samples: number; queries: number; keys: number }> = {
  "some samples at a time": { samples: 5, queries: 700, keys: 600 },
  "some heads at a time": { samples: 2, queries: 1100, keys: 1000 },
  "some queries at a time": { samples: 1, queries: 2100, keys: 2300 },
};

for (const [name, { samples, queries, keys }] of Object.entries(LARGE)) {
  for (const [b, h, n, m] of [[1, 2, queries, keys], [samples, 1, 1, keys], [1, 1, queries, keys]] as const) {
    Deno.test({
      name: `attention() in parts, ${name}, with a bias [${b},${h},${n},${m}] is its composition`,
      ignore: scoresAtATime() >= samples * queries * keys, // on a graphics card
      fn: () =>
        noLeak(() =>
          assertSameFunction(biased(2, 0.7), composed(2, 0.7), [
            random([samples, queries, 4], 0),
            random([samples, keys, 4], 1),
            random([samples, keys, 4], 2),
            random([b, h, n, m], 3),
          ])
        ),
    });
  }
}

Deno.test("attention() with a bias of zeros is attention() without", () => {
  const [q, k, v] = inputs(1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const free = attention(q, k, v, heads, { bias: tf.zeros([1, 1, 1, 1]) });
  assertClose(free, attention(q, k, v, heads), { absolute: 1e-6 });
});

Deno.test("attention() with a bias saves its inputs and its value, no scores", () => {
  const xs = inputs(1, 1, 5, 4), numbers = [...xs, xs[0]!].reduce((sum, { size }) => sum + size, 0);
  assert.equal(savedBytes(biased(heads, 0.7), xs), 4 * numbers);
});

Deno.test("causalBias() and paddingBias() let no token see what it must not", async () => {
  const attend = (bias: tf.Tensor) => {
    const v = tf.eye(3).expandDims(0), same = tf.zeros([1, 3, 3]);
    return attention(same, same, v, 1, { bias });
  };
  const [causal, padded] = await take(attend(causalBias(3)), attend(paddingBias(tf.tensor2d([[1, 0, 1]]))));
  assertClose(causal!, [1, 0, 0, 1 / 2, 1 / 2, 0, 1 / 3, 1 / 3, 1 / 3], { absolute: 1e-6 });
  assertClose(padded!, [1 / 2, 0, 1 / 2, 1 / 2, 0, 1 / 2, 1 / 2, 0, 1 / 2], { absolute: 1e-6 });
});
