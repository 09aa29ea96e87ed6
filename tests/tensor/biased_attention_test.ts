import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { attention } from "../../src/tensor/attention.ts";
import { biasedAttention, causalBias, paddingBias } from "../../src/tensor/biased_attention.ts";
import { quickGelu } from "../../src/tensor/quick_gelu.ts";
import { assertGradients } from "../runtime/finite_differences.ts";
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

function composed(scale: number): (...xs: tf.Tensor[]) => tf.Tensor {
  const split = (x: tf.Tensor) => x.reshape([2, -1, heads, 2]).transpose([0, 2, 1, 3]);
  return (q, k, v, bias) => {
    const scores = tf.matMul(split(q!), split(k!), false, true).mul(scale).add(bias!);
    return tf.matMul(tf.softmax(scores), split(v!)).transpose([0, 2, 1, 3]).reshape([2, 5, 6]);
  };
}

for (const bias of [[2, heads, 5, 4], [1, heads, 5, 4], [2, 1, 1, 4], [1, 1, 5, 4]]) {
  Deno.test(`biasedAttention() has the value and the gradients of its composition (bias [${bias}])`, () =>
    noLeak(() =>
      assertSameFunction(
        (q, k, v, b) => biasedAttention(q!, k!, v!, b!, { heads, scale: 0.7 }),
        composed(0.7),
        inputs(...bias),
      )
    ));
}

Deno.test("biasedAttention() without bias is attention()", () => {
  const [q, k, v] = inputs(1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const free = biasedAttention(q, k, v, tf.zeros([1, 1, 1, 1]), { heads });
  assertClose(free, attention(q, k, v, heads), { absolute: 1e-6 });
});

Deno.test("causalBias() and paddingBias() let no token see what it must not", async () => {
  const attend = (bias: tf.Tensor) => {
    const v = tf.eye(3).expandDims(0), same = tf.zeros([1, 3, 3]);
    return biasedAttention(same, same, v, bias, { heads: 1 });
  };
  const [causal, padded] = await take(attend(causalBias(3)), attend(paddingBias(tf.tensor2d([[1, 0, 1]]))));
  assertClose(causal!, [1, 0, 0, 1 / 2, 1 / 2, 0, 1 / 3, 1 / 3, 1 / 3], { absolute: 1e-6 });
  assertClose(padded!, [1 / 2, 0, 1 / 2, 1 / 2, 0, 1 / 2, 1 / 2, 0, 1 / 2], { absolute: 1e-6 });
});

Deno.test("biasedAttention() refuses channels that do not divide into the heads", () => {
  const x = tf.zeros([1, 2, 5]);
  assert.throws(() => biasedAttention(x, x, x, causalBias(2), { heads: 2 }), /5 channels .* 2 heads/);
});

Deno.test("quickGelu() has the value and the gradient of its composition", () =>
  noLeak(() =>
    assertSameFunction(quickGelu, (x) => x!.mul(x!.mul(1.702).sigmoid()), [
      tf.tidy(() => random([3, 5, 7]).mul(2)),
    ])
  ));

Deno.test("quickGelu(): the gradient agrees with finite differences, and it saves its input only", async () => {
  await noLeak(() => assertGradients({ shapes: [[30]], f: quickGelu }));
  assert.equal(savedBytes(quickGelu, [random([4, 6])]), 4 * 4 * 6);
});
