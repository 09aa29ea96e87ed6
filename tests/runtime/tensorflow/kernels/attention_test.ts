import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { attention } from "../../../../src/tensor/attention.ts";
import { causalBias, paddingBias } from "../../../../src/tensor/attention_bias.ts";
import { vjp } from "../../../../src/tensor/vjp.ts";
import { assertClose } from "../../../support.ts";
import { random, take } from "../../../tensor/parity.ts";
import { assertAccurate, assertAccurateInBfloat16, test } from "./accuracy.ts";
import { attentionOf } from "./float64.ts";

/** Batch, queries, keys, heads, channels of a head. */
type Sizes = readonly [number, number, number, number, number];

const CASES: Record<string, Sizes[]> = {
  "heads of 1 channel": [[1, 1, 1, 1, 1], [2, 5, 3, 4, 1], [1, 70, 33, 2, 1]],
  "heads of 5 channels": [[3, 7, 7, 2, 5], [1, 17, 40, 3, 5]],
  "heads of 8 channels": [[2, 16, 16, 4, 8], [1, 1, 100, 2, 8], [1, 100, 1, 2, 8], [1, 257, 257, 1, 8]],
  "heads of 40 channels": [[2, 33, 77, 8, 40], [1, 64, 64, 2, 40]],
  "heads of 64 channels": [[1, 130, 97, 2, 64], [3, 1, 1, 5, 64]],
  "heads of 160 channels": [[2, 33, 40, 2, 160]],
  "heads of 512 channels": [[1, 65, 34, 1, 512], [2, 3, 3, 1, 512]],
};

const inputs = ([batch, queries, keys, heads, d]: Sizes) =>
  [queries, keys, keys].map((length, i) => random([batch, length, heads * d], i));

const of = (heads: number, scale?: number) => (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
  attention(q, k, v, heads, { scale });

const definition = (sizes: Sizes): Parameters<typeof assertAccurate>[2] => ([q, k, v], dy) =>
  attentionOf({ q: q!, k: k!, v: v!, dy }, sizes);

for (const [name, cases] of Object.entries(CASES)) {
  test(`attention with ${name}: value and gradients to 32 roundings of float32`, async () => {
    for (const sizes of cases) await assertAccurate(of(sizes[3]), inputs(sizes), definition(sizes), 32);
  });

  test(`attention with ${name} in bfloat16: value and gradients to 4 of its roundings`, async () => {
    for (const sizes of cases) {
      await assertAccurateInBfloat16(of(sizes[3]), inputs(sizes), definition(sizes), 4);
    }
  });
}

test("attention of several heads in several slices adds up what the slices give", async () => {
  const sizes: Sizes = [1, 500, 50, 1, 4];
  await assertAccurate(of(1), inputs(sizes), definition(sizes), 32);
});

test("attention with scores of ±1e4 is as exact as the scores are", async () => {
  const sizes: Sizes = [2, 40, 33, 2, 8], [batch, queries, keys, heads, d] = sizes;
  const large = tf.tidy(() => inputs(sizes).map((x, i) => i < 2 ? x.mul(60) : x.clone()));
  const [q, k, v] = large.map((x) => x.dataSync()), dy = random([batch, queries, heads * d], 999);
  const { value } = attentionOf({ q: q!, k: k!, v: v!, dy: dy.dataSync() }, sizes);
  const [y] = await take(tf.tidy(() => attention(large[0]!, large[1]!, large[2]!, heads)));
  assert.equal(keys, 33);
  assertClose(y!, value, { absolute: 1e4 * 2 ** -20 });
  tf.dispose([large, dy]);
});

for (
  const [name, bias] of Object.entries({
    "of every score": () => random([2, 3, 20, 20], 5),
    "for all samples and heads": () => causalBias(20),
    "for all heads and queries": () =>
      paddingBias(tf.tensor2d(Array.from({ length: 40 }, (_, i) => i % 20 < 7 ? 1 : 0), [2, 20])),
    "for all keys": () => random([2, 3, 20, 1], 5),
    "for all": () => random([1, 1, 1, 1], 5),
    "that masks whole rows": () => tf.fill([1, 1, 1, 20], -1e30),
  } as Record<string, () => tf.Tensor>)
) {
  test(`attention with a bias ${name}: value and gradients to 64 roundings of float32`, async () => {
    const sizes: Sizes = [2, 20, 20, 3, 6], [batch, queries, keys, heads] = sizes;
    const b = tf.tidy(bias), full = tf.tidy(() => b.add(tf.zeros([batch, heads, queries, keys])).dataSync());
    const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, heads, { bias: b });
    await assertAccurate(
      f,
      inputs(sizes),
      ([q, k, v], dy) => attentionOf({ q: q!, k: k!, v: v!, dy, bias: full }, sizes),
      64,
    );
    b.dispose();
  });
}

test("attention with a constant bias of each key: value and gradients, in float32 and in bfloat16", async () => {
  for (const sizes of [[1, 1, 1, 1, 1], [2, 33, 77, 8, 40], [3, 500, 50, 1, 4]] as const) {
    const [batch, queries, keys, heads] = sizes;
    for (const samples of [1, batch]) {
      const bias = random([samples, 1, 1, keys], 5), zeros = tf.zeros([batch, heads, queries, keys]);
      const full = tf.tidy(() => bias.add(zeros).dataSync());
      const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => attention(q, k, v, heads, { bias });
      const definition: Parameters<typeof assertAccurate>[2] = ([q, k, v], dy) =>
        attentionOf({ q: q!, k: k!, v: v!, dy, bias: full }, sizes);
      await assertAccurate(f, inputs(sizes), definition, 64);
      await assertAccurateInBfloat16(f, inputs(sizes), definition, 4);
      tf.dispose([bias, zeros]);
    }
  }
});

test("attention: a masked key has no part in the value, whatever is in it", async () => {
  const [q, k, v] = inputs([1, 9, 6, 2, 5]) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const bias = tf.tidy(() => paddingBias(tf.tensor2d([[1, 1, 0, 0, 0, 0]])));
  const first = (x: tf.Tensor) => x.slice([0, 0, 0], [1, 2, 10]);
  const [masked, short] = await take(
    ...tf.tidy(() => [attention(q, k, v, 2, { bias }), attention(q, first(k), first(v), 2)]),
  );
  assertClose(masked!, short!, { relative: 1e-6 });
  tf.dispose([q, k, v, bias]);
});

for (const broken of [NaN, Infinity, -Infinity]) {
  test(`attention: ${broken} in a query makes that query NaN, in a key or value all that see it`, async () => {
    const sizes: Sizes = [2, 5, 70, 2, 8], clean = inputs(sizes);
    const [expected] = await take(of(2)(clean[0]!, clean[1]!, clean[2]!));
    for (const [i, x] of clean.entries()) {
      const values = x.dataSync().slice();
      values[3] = broken; // of the first token's first head
      const bad = tf.tensor(values, x.shape), given = clean.map((x, j) => j === i ? bad : x);
      const [y] = await take(of(2)(given[0]!, given[1]!, given[2]!));
      y!.forEach((value, at) => {
        const sample = Math.floor(at / 80), query = Math.floor(at / 16) % 5, head = Math.floor(at / 8) % 2;
        const seen = sample === 0 && head === 0 && (i === 0 ? query === 0 : i === 1 || at % 8 === 3);
        if (!seen) assert.equal(value, expected![at], `${at}`);
        else if (i !== 1 || Number.isNaN(broken)) assert.ok(!Number.isFinite(value), `${value} at ${at}`);
      });
      bad.dispose();
    }
    tf.dispose(clean);
  });
}

test("attention without samples, queries or keys: values and gradients are 0", () => {
  for (const [batch, queries, keys] of [[0, 3, 5], [2, 0, 5], [2, 3, 0]] as const) {
    tf.tidy(() => {
      const shapes = [queries, keys, keys].map((length) => [batch, length, 8]);
      const { value, grads } = vjp(of(2), shapes.map(random), (y) => tf.onesLike(y));
      [value, ...grads].forEach((x, i) => {
        assert.deepEqual(x.shape, shapes[Math.max(0, i - 1)]);
        assert.ok(x.dataSync().every((number) => number === 0));
      });
    });
  }
});

test("attention refuses tensors and biases that do not fit together", () => {
  tf.tidy(() => {
    const x = random([2, 3, 8]), refused = /attention takes/;
    assert.throws(() => attention(x, random([1, 3, 8]), random([1, 3, 8]), 2), refused);
    assert.throws(() => attention(x, x, random([2, 4, 8]), 2), refused);
    assert.throws(() => attention(x, random([2, 3, 6]), x, 2), refused);
    for (const shape of [[1, 1, 3, 2], [1, 3, 3, 3], [2, 3, 3], [3]]) {
      assert.throws(() => attention(x, x, x, 2, { bias: random(shape) }), refused, `${shape}`);
    }
  });
});
