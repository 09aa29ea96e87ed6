import assert from "node:assert/strict";
import { integer, normal, normalBatch, permutation, philox, uniform } from "../../src/runtime/random.ts";

const key = { seed: 1, purpose: "noise", step: 0, sample: 0 };

function moments(x: Float32Array): { mean: number; variance: number; skew: number; kurtosis: number } {
  let mean = 0, m2 = 0, m3 = 0, m4 = 0;
  for (const v of x) mean += v / x.length;
  for (const v of x) {
    const d = v - mean;
    m2 += d * d / x.length;
    m3 += d ** 3 / x.length;
    m4 += d ** 4 / x.length;
  }
  return { mean, variance: m2, skew: m3 / m2 ** 1.5, kurtosis: m4 / m2 ** 2 };
}

function correlation(x: Float32Array, y: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum / x.length;
}

Deno.test("philox() gives the published known answers of Philox4x32-10", () => {
  const cases: [[number, number, number, number], [number, number], number[]][] = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, k, expected] of cases) {
    const out = new Uint32Array(4);
    philox(out, counter, k);
    assert.deepEqual([...out], expected);
  }
});

Deno.test("philox() counts the block up within one call", () => {
  const both = new Uint32Array(8), second = new Uint32Array(4);
  philox(both, [41, 1, 2, 3], [4, 5]);
  philox(second, [42, 1, 2, 3], [4, 5]);
  assert.deepEqual(both.subarray(4), second);
});

Deno.test("normal() has the moments of a standard normal", () => {
  const n = 1_000_000;
  const { mean, variance, skew, kurtosis } = moments(normal(key, n));
  // Five standard errors of each: 1, √2, √6, √24 over √n.
  assert.ok(Math.abs(mean) < 5e-3, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 7.1e-3, `variance ${variance}`);
  assert.ok(Math.abs(skew) < 1.23e-2, `skew ${skew}`);
  assert.ok(Math.abs(kurtosis - 3) < 2.45e-2, `kurtosis ${kurtosis}`);
});

Deno.test("normal() follows the normal distribution function", () => {
  const sorted = normal({ ...key, step: 5 }, 200_000).sort();
  for (
    const [z, p] of [[-3, 0.001350], [-1.959964, 0.025], [-1, 0.158655], [0, 0.5], [0.674490, 0.75], [
      2,
      0.977250,
    ]]
  ) {
    const share = sorted.filter((v) => v < z!).length / sorted.length;
    assert.ok(
      Math.abs(share - p!) < 5 * Math.sqrt(p! * (1 - p!) / sorted.length),
      `share below ${z} is ${share}`,
    );
  }
});

Deno.test("normal(): neighbours, samples, steps, purposes and seeds are uncorrelated and differ", () => {
  const n = 100_000, bound = 5 / Math.sqrt(n);
  const x = normal(key, n);
  assert.ok(Math.abs(correlation(x.subarray(0, n - 1), x.subarray(1))) < bound);
  for (
    const other of [{ sample: 1 }, { step: 1 }, { purpose: "dropout" }, { seed: 2 }, { seed: 1 + 2 ** 32 }]
  ) {
    const y = normal({ ...key, ...other }, n);
    assert.ok(Math.abs(correlation(x, y)) < bound, `correlated with ${JSON.stringify(other)}`);
    assert.notDeepEqual(x.subarray(0, 8), y.subarray(0, 8));
  }
});

Deno.test("normal(): a shorter draw is the start of a longer one", () => {
  const long = normal(key, 5000);
  for (const n of [0, 1, 2, 3, 5, 1023, 1025, 2047]) assert.deepEqual(normal(key, n), long.subarray(0, n));
});

Deno.test("normalBatch(): a sample keeps its noise whatever the batch split and order", () => {
  const stepKey = { seed: 3, purpose: "noise", step: 17 };
  const whole = normalBatch(stepKey, [10, 11, 12, 13], [3, 5]);
  const halves = [...normalBatch(stepKey, [10, 11], 15), ...normalBatch(stepKey, [12, 13], 15)];
  assert.deepEqual([...whole], halves);
  assert.deepEqual(normalBatch(stepKey, [12], 15), whole.subarray(30, 45));
  assert.deepEqual(normal({ ...stepKey, sample: 13 }, 15), whole.subarray(45));
});

Deno.test("uniform() lies in [0, 1) with mean 1/2 and variance 1/12", () => {
  const x = uniform(key, 500_000);
  assert.ok(x.every((v) => v >= 0 && v < 1));
  const { mean, variance } = moments(x);
  assert.ok(Math.abs(mean - 0.5) < 5 * Math.sqrt(1 / 12 / x.length), `mean ${mean}`);
  assert.ok(Math.abs(variance - 1 / 12) < 5 * Math.sqrt(1 / 180 / x.length), `variance ${variance}`);
});

Deno.test("integer() is uniform, also for a bound that does not divide 2^32", () => {
  const n = 300_000;
  // With x % bound alone, values below 2^30 would be drawn twice as often as the rest.
  const bound = 3 * 2 ** 29;
  const share = integer(key, n, bound).filter((v) => v < 2 ** 30).length / n;
  assert.ok(Math.abs(share - 2 / 3) < 5 * Math.sqrt(2 / 9 / n), `share ${share}`);
  const counts = new Array(7).fill(0);
  for (const v of integer(key, n, 7)) counts[v]++;
  const chi2 = counts.reduce((sum, c) => sum + (c - n / 7) ** 2 / (n / 7), 0);
  assert.ok(chi2 < 22.5, `chi-squared ${chi2} exceeds the 99.9 % point at 6 degrees of freedom`);
});

Deno.test("permutation() holds every number once and depends on seed and step", () => {
  const order = permutation({ seed: 0, purpose: "shuffle", step: 0 }, 1000);
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
  assert.notDeepEqual(order, permutation({ seed: 0, purpose: "shuffle", step: 1 }, 1000));
  assert.notDeepEqual(order, permutation({ seed: 1, purpose: "shuffle", step: 0 }, 1000));
  assert.deepEqual(order, permutation({ seed: 0, purpose: "shuffle", step: 0 }, 1000));
});

Deno.test("permutation() gives each of the 6 orders of 3 equally often", () => {
  const counts: Record<string, number> = {}, n = 12_000;
  for (let step = 0; step < n; step++) {
    const order = permutation({ seed: 9, purpose: "shuffle", step }, 3).join();
    counts[order] = (counts[order] ?? 0) + 1;
  }
  assert.equal(Object.keys(counts).length, 6);
  const chi2 = Object.values(counts).reduce((sum, c) => sum + (c - n / 6) ** 2 / (n / 6), 0);
  assert.ok(chi2 < 20.5, `chi-squared ${chi2} exceeds the 99.9 % point at 5 degrees of freedom`);
});

Deno.test("a key out of range is refused", () => {
  assert.throws(() => normal({ ...key, seed: -1 }, 1), /seed must be a whole number/);
  assert.throws(() => normal({ ...key, step: 1.5 }, 1), /step must be a whole number/);
  assert.throws(() => normal({ ...key, sample: 2 ** 32 }, 1), /sample must be a whole number/);
  assert.throws(() => integer(key, 1, 0), /bound must be/);
  assert.throws(() => normal(key, -1), /count must be/);
});
