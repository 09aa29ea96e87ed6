import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adtFunctions, DRAWN_SCALE } from "../../src/adt/functions.ts";
import { drawGuidanceScale } from "../../src/adt/guidance_scale.ts";
import type { AdtSettings } from "../../src/adt/setup.ts";
import { adtStep } from "../../src/adt/step.ts";
import type { Condition } from "../../src/sampling/denoiser.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

const range = { min: 2, max: 6, none: 0.25 };

Deno.test("drawGuidanceScale(): none as often as asked, else uniform in the range, the same for a key", () => {
  const draws = Array.from(
    { length: 4000 },
    (_, step) => drawGuidanceScale(range, { seed: 1, step, group: step % 2 }),
  );
  const guided = draws.filter((w) => w !== 1), mean = guided.reduce((a, b) => a + b, 0) / guided.length;
  assertClose([guided.length / draws.length, mean], [0.75, 4], { absolute: 0.06 });
  assert.ok(Math.min(...guided) >= 2 && Math.min(...guided) < 2.05);
  assert.ok(Math.max(...guided) <= 6 && Math.max(...guided) > 5.95);
  assert.deepEqual(
    drawGuidanceScale(range, { seed: 1, step: 7, group: 1 }),
    drawGuidanceScale(range, { seed: 1, step: 7, group: 1 }),
  );
  assert.equal(drawGuidanceScale(3, { seed: 1, step: 7, group: 1 }), 3);
});

interface Call {
  /** Guidance scale of each of the two samples, where they are drawn. */
  scales?: number[];
  /** What each sample's cotangent is multiplied by. */
  factors?: number[];
  /** Whether the samples have the null condition. */
  none?: boolean;
}

/** The gradient of one call of the network on two samples, under some settings. */
async function pulled(settings: Partial<AdtSettings>, { scales, factors = [1, 1], none }: Call = {}) {
  let gradient: Float32Array | undefined;
  await noLeak(async () => {
    const tuning = tinyTuning(settings), functions = adtFunctions(tuning.setup), state = tuning.start();
    const given = tuning.batch.condition, nulls = tuning.setup.nullCondition!(given);
    const weights = tf.tidy(() => {
      const twice = Object.entries(nulls).map(([name, x]) => [name, tf.concat([x, x])]);
      const condition: Condition = none ? Object.fromEntries(twice) : given;
      const drawn = scales && { [DRAWN_SCALE]: tf.tensor1d(scales) }, t = tf.tensor1d([500, 200]);
      const [x, dy] = [1, 2].map((seed) => random([2, 4, 4, 4], seed));
      const cotangent = dy!.mul(tf.tensor(factors, [2, 1, 1, 1]));
      return functions.pullback(state.generator.weights, x!, t, { ...condition, ...drawn }, cotangent, false)
        .weights;
    });
    [gradient] = await take(weights);
    tf.dispose(state);
    functions.dispose(), tuning.dispose();
  });
  return gradient!;
}

const sum = (...terms: [factor: number, x: Float32Array][]) =>
  terms[0]![1].map((_, i) => terms.reduce((total, [factor, x]) => total + factor * x[i]!, 0));

const guidanceScale = { min: 1, max: 9, none: 0 };

Deno.test("scales drawn for each sample give what one scale for all gives; without any, the network alone", async () => {
  const drawn = await pulled({ guidanceScale }, { scales: [2.5, 2.5] });
  assertClose(drawn, await pulled({ guidanceScale: 2.5 }), { relative: 1e-5 });
  assertClose(await pulled({ guidanceScale }), await pulled({ guidanceScale: 1 }), { relative: 1e-5 });
});

Deno.test("the gradient through both outputs is w times the conditional one's and 1 − w times the other's", async () => {
  const both = await pulled({ guidanceScale: 3 });
  const conditional = await pulled({ guidanceScale: 3, guidanceGradient: "conditional" });
  const unguided = await pulled({ guidanceScale: 1 }),
    without = await pulled({ guidanceScale: 1 }, { none: true });
  assertClose(conditional, sum([3, unguided]), { relative: 1e-5 });
  assertClose(both, sum([3, unguided], [-2, without]), { relative: 1e-5 });
});

for (const guidanceGradient of ["both", "conditional"] as const) {
  Deno.test(`divideByGuidanceScale divides the gradient of each roll-out by its own scale: ${guidanceGradient}`, async () => {
    const scales = [2, 5], settings = { guidanceScale, guidanceGradient };
    const divided = await pulled({ ...settings, divideByGuidanceScale: true }, { scales });
    const expected = await pulled(settings, { scales, factors: [1 / 2, 1 / 5] });
    assertClose(divided, expected, { relative: 1e-5 });
    const fixed = { guidanceScale: 4, guidanceGradient };
    assertClose(
      await pulled({ ...fixed, divideByGuidanceScale: true }),
      sum([1 / 4, await pulled(fixed)]),
      { relative: 1e-5 },
    );
  });
}

Deno.test("adtStep() tells the scales that it drew; a step of none calls the network once", () =>
  noLeak(async () => {
    const tuning = tinyTuning({ guidanceScale: { min: 2, max: 4, none: 0.5 }, imageToImage: false });
    const functions = adtFunctions(tuning.setup);
    let state = tuning.start();
    const seen = [];
    for (let step = 1; step <= 6; step++) {
      const result = await adtStep(tuning.setup, functions, state, tuning.batch, step);
      state = result.state;
      seen.push(...result.guidanceScales);
    }
    assert.equal(seen.length, 12);
    assert.ok(seen.every((w) => w === 1 || w >= 2 && w <= 4));
    assert.ok(seen.includes(1) && new Set(seen).size > 4);
    tf.dispose(state);
    functions.dispose(), tuning.dispose();
  }));

/** The anchor of two samples at the start weights plus `h` times a direction, and its gradient. */
async function anchored(
  h: number,
): Promise<{ loss: number; gradient: Float32Array; direction: Float32Array }> {
  let found: [Float32Array, Float32Array, Float32Array] | undefined;
  await noLeak(async () => {
    const tuning = tinyTuning({ lambdaAnchor: 1 }),
      functions = adtFunctions(tuning.setup),
      state = tuning.start();
    const { loss, gradient, direction } = tf.tidy(() => {
      const { weights } = state.generator, direction = random([weights.size], 5);
      const x = random([2, 4, 4, 4], 1), t = tf.tensor1d([500, 200]);
      const moved = weights.add(direction.mul(h));
      return { ...functions.anchorGradient(moved, x, t, tuning.batch.condition), direction };
    });
    found = await take(loss, gradient, direction) as typeof found;
    tf.dispose(state);
    functions.dispose(), tuning.dispose();
  });
  const [loss, gradient, direction] = found!;
  return { loss: loss[0]!, gradient, direction };
}

Deno.test("the anchor is 0 at the start, and its gradient is its derivative (finite differences)", async () => {
  const start = await anchored(0);
  assert.equal(start.loss, 0);
  assert.ok(start.gradient.every((value) => value === 0));
  const at = 0.02, h = 2e-4, { gradient, direction } = await anchored(at);
  const slope = ((await anchored(at + h)).loss - (await anchored(at - h)).loss) / (2 * h);
  const along = gradient.reduce((total, value, i) => total + value * direction[i]!, 0);
  assertClose([along], [slope], { relative: 2e-3 });
});

Deno.test("adtStep() with an anchor tells its loss, and the outputs stay nearer to what they were", async () => {
  const run = async (lambdaAnchor: number) => {
    let last: Record<string, number> = {}, distance = 0;
    await noLeak(async () => {
      const tuning = tinyTuning({ lambdaAnchor, lambdaDiffusion: 0, imageToImage: false });
      const functions = adtFunctions(tuning.setup);
      let state = tuning.start();
      for (let step = 1; step <= 10; step++) {
        const result = await adtStep(tuning.setup, functions, state, tuning.batch, step);
        state = result.state, last = result.metrics;
        if (step === 1 && lambdaAnchor) assert.deepEqual([last.loss_anchor, last.grad_norm_anchor], [0, 0]);
      }
      distance = tf.tidy(() => {
        const x = random([2, 4, 4, 4], 1), t = tf.tensor1d([500, 200]);
        const { condition } = tuning.batch, { weights } = state.generator;
        return functions.anchorGradient(weights, x, t, condition).loss.dataSync()[0]!;
      });
      tf.dispose(state);
      functions.dispose(), tuning.dispose();
    });
    return { last, distance };
  };
  const free = await run(0), held = await run(1);
  assert.ok(!("loss_anchor" in free.last) && held.last.loss_anchor! > 0 && held.last.grad_norm_anchor! > 0);
  assert.ok(held.distance < 0.5 * free.distance, `${held.distance} against ${free.distance}`);
});
