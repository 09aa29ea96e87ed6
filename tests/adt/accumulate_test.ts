import assert from "node:assert/strict";
import { chunksOf } from "../../src/adt/chunks.ts";
import { adtFunctions } from "../../src/adt/functions.ts";
import type { AdtSettings } from "../../src/adt/setup.ts";
import { adtStep } from "../../src/adt/step.ts";
import type { StepMetrics } from "../../src/training/loop.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { take } from "../tensor/parity.ts";
import { assertSteadySteps } from "./steady_steps.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

const SIZE = { side: 4, batch: 8, steps: 4 };

/** All weights, moments and metrics of three steps. */
async function threeSteps(
  changes: Partial<AdtSettings>,
): Promise<{ numbers: Float32Array[]; metrics: StepMetrics[] }> {
  const { setup, batch, start, dispose } = tinyTuning(changes, SIZE), functions = adtFunctions(setup);
  let state = start();
  const metrics: StepMetrics[] = [];
  for (let step = 1; step <= 3; step++) {
    const result = await adtStep(setup, functions, state, batch, step);
    state = result.state;
    metrics.push(result.metrics);
  }
  const { generator: { weights, average, moments }, discriminator } = state;
  const numbers = await take(
    ...[weights, average, moments.first, moments.second],
    ...[discriminator.weights, discriminator.moments.first, discriminator.moments.second],
  );
  functions.dispose();
  dispose();
  return { numbers, metrics };
}

/** What all is drawn and summed up in, and the numbers of parts. */
const SETTINGS: Record<string, [parts: number[], settings: Partial<AdtSettings>]> = {
  "pure noise, one group": [[4], { startGroups: 1, imageToImage: false, plan: { kind: "full" } }],
  "guidance, an anchor, condition dropout, a cap": [[2, 8], {
    startGroups: 4,
    guidanceScale: { min: 2, max: 4, none: 0.5 },
    lambdaAnchor: 1,
    conditionDropout: 0.5,
    advNormCap: 0.5,
    minSnrGamma: 5,
  }],
  "the discriminator's head start": [[2], { startGroups: 2, discriminatorHeadStart: 2 }],
  "the diffusion loss alone": [[4], { startGroups: 4, lambdaAdv: 0 }],
};

for (const [name, [parts, settings]] of Object.entries(SETTINGS)) {
  Deno.test(`a batch that is computed in parts is the batch: ${name}`, () =>
    noLeak(async () => {
      const whole = await threeSteps(settings);
      for (const accumulate of parts) {
        const { numbers, metrics } = await threeSteps({ ...settings, accumulate });
        numbers.forEach((values, i) => assertClose(values, whole.numbers[i]!, { relative: 1e-5 }));
        for (const [i, one] of metrics.entries()) {
          assert.deepEqual(Object.keys(one), Object.keys(whole.metrics[i]!));
          assertClose(Object.values(one), Object.values(whole.metrics[i]!), { relative: 1e-5 });
        }
      }
    }));
}

Deno.test("chunksOf(): whole groups, or parts of one, and no others", () => {
  const groups = (startGroups: number, accumulate: number) =>
    chunksOf(12, { startGroups, accumulate } as AdtSettings).map((
      { first, count, groups },
    ) => [first, count, ...groups]);
  assert.deepEqual(groups(4, 2), [[0, 6, 0, 1], [6, 6, 2, 3]]);
  assert.deepEqual(groups(2, 4), [[0, 3, 0], [3, 3, 0], [6, 3, 1], [9, 3, 1]]);
  assert.throws(() => groups(4, 6), RangeError);
  assert.throws(() => groups(5, 1), RangeError);
});

Deno.test("adtStep() in parts piles up no tensors", () =>
  assertSteadySteps(() => tinyTuning({ startGroups: 4, accumulate: 2, lambdaAnchor: 1 }, SIZE), 8));
