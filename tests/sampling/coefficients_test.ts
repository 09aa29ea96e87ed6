import assert from "node:assert/strict";
import { UserError } from "../../src/runtime/errors.ts";
import { normal, uniform } from "../../src/runtime/random.ts";
import { coefficientsToEnd } from "../../src/sampling/coefficients.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import { makeSampler, type PastTerm, type Sampler, termsOf } from "../../src/sampling/sampler.ts";
import { assertClose } from "../support.ts";
import { EVERY_SAMPLER } from "./every_sampler.ts";

/** Numbers in [-1.5, 1.5), the same in every run. */
const random = (purpose: string, n: number) =>
  [...uniform({ seed: 3, purpose, step: 0, sample: 0 }, n)].map((u) => 3 * u - 1.5);

/** A sampler of n arbitrary steps, each looking back at up to `depth` states and outputs of its path. */
function arbitrary(n: number, depth: number): Sampler {
  const [a, b, noise] = ["a", "b", "noise"].map((name) => random(name, n));
  const x = random("past states", n * depth), m = random("past outputs", n * depth);
  return makeSampler({
    name: "arbitrary",
    predictionType: "epsilon",
    initNoiseSigma: 1,
    levels: Array.from({ length: n + 1 }, () => ({ alpha: 1, sigma: 1 })),
    starts: [0, 2, 3],
    path: (from) =>
      Array.from({ length: n - from }, (_, k) => ({
        timestep: n - from - k,
        inputScale: 1,
        a: a![from + k]!,
        b: b![from + k]!,
        past: Array.from({ length: Math.min(k, depth) }, (_, d): PastTerm => {
          const at = (from + k) * depth + d;
          return { back: d + 1, x: x[at]!, m: m[at]! };
        }),
        noise: noise![from + k]!,
        x0: { x: 1, m: 0 },
      })),
  });
}

/** The end of a path for given outputs and noises, as numbers. */
function runChain(sampler: Sampler, from: number, to: number, start: number, m: number[], epsilon: number[]) {
  const x = [start];
  for (const [k, step] of sampler.path(from).slice(0, to - from).entries()) {
    const linear = termsOf(step).reduce(
      (sum, { back, ...term }) => sum + term.x * x[k - back]! + term.m * m[k - back]!,
      0,
    );
    x.push(linear + step.noise * epsilon[k]!);
  }
  return x.at(-1)!;
}

for (
  const [depth, from, to] of [[0, 0, 8], [0, 3, 7], [1, 0, 8], [3, 0, 8], [3, 2, 7], [2, 3, 4], [
    2,
    3,
    3,
  ]] as const
) {
  Deno.test(`coefficientsToEnd() equals running the chain: calls ${from} to ${to}, looking back ${depth}`, () => {
    const sampler = arbitrary(8, depth), m = random("m", 8), epsilon = random("epsilon", 8);
    const path = coefficientsToEnd(sampler, from, to);
    assert.equal(path.c.length, to - from);
    const end = path.c.reduce(
      (sum, c, k) => sum + c * m[k]! + path.noise[k]! * epsilon[k]!,
      path.start * 0.9,
    );
    assertClose([end], [runChain(sampler, from, to, 0.9, m, epsilon)], { relative: 1e-12 });
  });
}

for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
  Deno.test(`coefficientsToEnd() equals running the chain from every start: ${name}`, () => {
    const n = sampler.steps.length, key = { seed: 0, purpose: "test", step: 0 };
    const m = [...normal({ ...key, sample: 0 }, n)], epsilon = [...normal({ ...key, sample: 1 }, n)];
    for (const from of sampler.starts) {
      const { start, c, noise } = coefficientsToEnd(sampler, from);
      const end = c.reduce((sum, c, k) => sum + c * m[k]! + noise[k]! * epsilon[k]!, start * 1.3);
      assertClose([end], [runChain(sampler, from, n, 1.3, m, epsilon)], { relative: 1e-10 });
    }
  });
}

Deno.test("coefficientsToEnd() refuses clipped steps and says how to mend it", () => {
  assert.throws(() => coefficientsToEnd(ddim({ clip_sample: true }, 5)), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /ddim clips .* timestep 800 .*set clip_sample to false/);
    return true;
  });
});

Deno.test("coefficientsToEnd() refuses a path that is not there or starts within a step", () => {
  const sampler = arbitrary(4, 1);
  assert.throws(() => coefficientsToEnd(sampler, 3, 2), RangeError);
  assert.throws(() => coefficientsToEnd(sampler, 0, 5), RangeError);
  assert.throws(() => coefficientsToEnd(sampler, 1), /arbitrary: no path starts at call 1, only at 0, 2, 3/);
});
