import assert from "node:assert/strict";
import { uniform } from "../../src/runtime/random.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { coefficientsToEnd } from "../../src/sampling/coefficients.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import type { Sampler } from "../../src/sampling/sampler.ts";
import { assertClose } from "../support.ts";

/** Numbers in [-1.5, 1.5), the same in every run. */
const random = (purpose: string, n: number) =>
  [...uniform({ seed: 3, purpose, step: 0, sample: 0 }, n)].map((u) => 3 * u - 1.5);

/** A sampler of n arbitrary steps; those after `first` also use the previous output. */
function arbitrary(n: number, first: number, multistep: boolean): Sampler {
  const [a, b, p, noise] = ["a", "b", "p", "noise"].map((name) => random(name, n));
  const steps = Array.from({ length: n }, (_, i) => ({
    timestep: n - i,
    inputScale: 1,
    a: a![i]!,
    b: b![i]!,
    noise: noise![i]!,
    x0: { x: 1, m: 0 },
    ...(multistep && i > first && { previous: p![i]! }),
  }));
  const levels = Array.from({ length: n + 1 }, () => ({ alpha: 1, sigma: 1 }));
  return {
    name: "arbitrary",
    predictionType: "epsilon",
    timesteps: steps.map((s) => s.timestep),
    initNoiseSigma: 1,
    steps,
    levels,
  };
}

for (
  const [multistep, from, to] of [[false, 0, 8], [false, 3, 7], [true, 0, 8], [true, 2, 5], [true, 7, 8], [
    true,
    4,
    4,
  ]] as const
) {
  Deno.test(`coefficientsToEnd() equals running the chain: steps ${from} to ${to}${multistep ? ", multistep" : ""}`, () => {
    const sampler = arbitrary(8, from, multistep);
    const m = random("m", 8), epsilon = random("epsilon", 8), start = 0.9;
    let x = start;
    for (let i = from; i < to; i++) {
      const step = sampler.steps[i]!;
      x = step.a * x + step.b * m[i]! + (step.previous ?? 0) * (m[i - 1] ?? 0) + step.noise * epsilon[i]!;
    }
    const path = coefficientsToEnd(sampler, from, to);
    assert.equal(path.c.length, to - from);
    const end = path.c.reduce(
      (sum, c, k) => sum + c * m[from + k]! + path.noise[k]! * epsilon[from + k]!,
      path.start * start,
    );
    assertClose([end], [x], { absolute: 1e-12 });
  });
}

Deno.test("coefficientsToEnd() refuses clipped steps and says how to mend it", () => {
  assert.throws(() => coefficientsToEnd(ddim({ clip_sample: true }, 5)), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /ddim clips .* timestep 800 .*set clip_sample to false/);
    return true;
  });
});

Deno.test("coefficientsToEnd() refuses a path that is not there or starts in mid multistep", () => {
  const sampler = arbitrary(4, 0, true);
  assert.throws(() => coefficientsToEnd(sampler, 3, 2), RangeError);
  assert.throws(() => coefficientsToEnd(sampler, 0, 5), RangeError);
  assert.throws(() => coefficientsToEnd(sampler, 2), /cannot start at step 2/);
});
