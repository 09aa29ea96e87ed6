import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { drawPlan } from "../../src/adt/backward_plan.ts";
import { type AdtFunctions, adtFunctions } from "../../src/adt/functions.ts";
import type { AdtSettings, AdtState } from "../../src/adt/setup.ts";
import { adversarialGradient } from "../../src/adt/adversarial_gradient.ts";
import { adtStep } from "../../src/adt/step.ts";
import { valueAndGrad } from "../../src/tensor/vjp.ts";
import { adamw, stepScalars } from "../../src/training/adamw.ts";
import { drawDiffusionBatch } from "../../src/training/diffusion_batch.ts";
import { diffusionLoss } from "../../src/training/diffusion_loss.ts";
import { emaUpdate } from "../../src/training/ema.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { take } from "../tensor/parity.ts";
import { assertDerivative } from "./derivative.ts";
import { assertSteadySteps } from "./steady_steps.ts";
import { type Size, tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

type Tuning = ReturnType<typeof tinyTuning>;

/** Runs a test on a tuning and its functions, which must leave no tensor behind. */
async function withTuning(
  changes: Partial<AdtSettings>,
  test: (tuning: Tuning, functions: AdtFunctions) => Promise<void>,
  size: Size = {},
): Promise<void> {
  await noLeak(async () => {
    const tuning = tinyTuning(changes, size), functions = adtFunctions(tuning.setup);
    await test(tuning, functions);
    functions.dispose();
    tuning.dispose();
  });
}

/** All numbers of a state, which is disposed. */
function read({ generator, discriminator }: AdtState): Promise<Float32Array[]> {
  const { weights, average, moments } = generator;
  const heads = [discriminator.weights, discriminator.moments.first, discriminator.moments.second];
  return take(weights, average, moments.first, moments.second, ...heads);
}

async function steps({ setup, batch, start }: Tuning, functions: AdtFunctions, count: number) {
  let state = start();
  const records = [];
  for (let step = 1; step <= count; step++) {
    const { state: next, ...record } = await adtStep(setup, functions, state, batch, step);
    state = next;
    records.push(record);
  }
  return { state, records };
}

const LOOPS: Record<string, Partial<AdtSettings>> = {
  "a stop-input plan": { plan: { kind: "stop-input", steps: 2 } },
  "a full plan": { plan: { kind: "full" } },
  "a truncated plan": { plan: { kind: "truncated", steps: 2 } },
  "the discriminator's head start": { discriminatorHeadStart: 9 },
  "the diffusion loss alone": { lambdaAdv: 0 },
  "guidance, an anchor and condition dropout": {
    guidanceScale: { min: 2, max: 4, none: 0.5 },
    lambdaAnchor: 1,
    conditionDropout: 0.5,
  },
};

for (const [name, changes] of Object.entries(LOOPS)) {
  Deno.test(`adtStep() piles up no tensors: ${name}`, () =>
    assertSteadySteps(() => tinyTuning(changes, { side: 4, steps: 2 }), 8));
}

Deno.test("adtStep(): two runs are the same, bit for bit", async () => {
  const run = async () => {
    let numbers: unknown;
    await withTuning({}, async (tuning, functions) => {
      const { state, records } = await steps(tuning, functions, 4);
      numbers = [await read(state), records];
    });
    return numbers;
  };
  assert.deepEqual(await run(), await run());
});

Deno.test("adtStep() changes network, average, discriminator and moments, and reports on all", () =>
  withTuning({}, async (tuning, functions) => {
    const before = await read(tuning.start());
    const { state, records } = await steps(tuning, functions, 3), after = await read(state);
    for (const [i, values] of after.entries()) assert.notDeepEqual(values, before[i]);
    for (const [i, { metrics, plans }] of records.entries()) {
      assert.deepEqual(Object.keys(metrics).sort(), [
        "accuracy_discriminator",
        "grad_norm",
        "grad_norm_adv",
        "grad_norm_diffusion",
        "grad_norm_discriminator",
        "loss_adv",
        "loss_diffusion",
        "loss_discriminator",
        "lr",
        "score_fake",
        "score_generated",
        "score_real",
        "start",
      ]);
      assert.ok(Object.values(metrics).every(Number.isFinite), JSON.stringify(metrics));
      const { settings, sampler } = tuning.setup;
      const { plan, seed } = settings, to = sampler.steps.length;
      const starts = plans.map(({ from }) => from);
      assert.deepEqual(
        plans,
        starts.map((from, group) => drawPlan(plan, { from, to }, { seed, step: i + 1, group })),
      );
      assert.equal(metrics.start, (starts[0]! + starts[1]!) / 2);
    }
  }));

/** The same step by hand: diffusion loss, AdamW, average. */
function diffusionStep(
  { setup, batch }: Tuning,
  state: AdtState["generator"],
  step: number,
): AdtState["generator"] {
  const { schedule, denoiser, params, settings } = setup, { optimizer, seed } = settings;
  return tf.tidy(() => {
    const drawn = drawDiffusionBatch(batch.latents, batch.condition, schedule, { seed, step });
    const { grads } = valueAndGrad((w) => diffusionLoss(denoiser, params(w), drawn), [state.weights]);
    const scalars = stepScalars(step, optimizer.lr, optimizer.betas);
    const { weights, moments } = adamw(state.weights, state.moments, grads[0]!, scalars, optimizer);
    const average = emaUpdate(state.average, weights, tf.scalar(settings.emaDecay));
    return { weights, moments, average };
  });
}

Deno.test("adtStep() with lambdaAdv 0 runs no roll-out and is plain diffusion training", () =>
  withTuning({ lambdaAdv: 0 }, async (tuning, functions) => {
    const refuse = () => assert.fail("the adversarial part ran");
    const only = {
      ...functions,
      denoiser: { ...functions.denoiser, forward: refuse },
      judge: refuse,
      pullback: refuse,
      discriminatorGradient: refuse,
      updateDiscriminator: refuse,
    } as unknown as AdtFunctions;
    const { state, records } = await steps(tuning, only, 3);
    assert.ok(records.every(({ plans }) => plans.length === 0));
    assert.ok(records.every(({ metrics }) => metrics.grad_norm_adv === 0 && !("loss_adv" in metrics)));
    const expected = tuning.start();
    for (let step = 1; step <= 3; step++) {
      const next = diffusionStep(tuning, expected.generator, step);
      tf.dispose(expected.generator);
      expected.generator = next;
    }
    const actual = await read(state), reference = await read(expected);
    for (const [i, values] of actual.entries()) assertClose(values, reference[i]!, { relative: 1e-5 });
  }));

Deno.test("adtStep() weights the two losses by lambdaAdv and lambdaDiffusion", async () => {
  const norms = async (changes: Partial<AdtSettings>) => {
    let metrics: Record<string, number> = {};
    await withTuning({ imageToImage: false, ...changes }, async (tuning, functions) => {
      const { state, records } = await steps(tuning, functions, 1);
      tf.dispose(state);
      metrics = records[0]!.metrics;
    });
    return metrics;
  };
  const one = await norms({ lambdaAdv: 1 }), other = await norms({ lambdaAdv: 0.25, lambdaDiffusion: 3 });
  assert.equal(one.start, 0);
  assertClose([other.grad_norm_adv!], [0.25 * one.grad_norm_adv!], { relative: 1e-5 });
  assertClose([other.grad_norm_diffusion!], [3 * one.grad_norm_diffusion!], { relative: 1e-5 });
  const above = await norms({ lambdaAdv: 1e4, advNormCap: 2 }),
    below = await norms({ lambdaAdv: 1, advNormCap: 1e6 });
  assertClose([above.grad_norm_adv!], [2 * above.grad_norm_diffusion!], { relative: 1e-4 });
  assertClose([below.grad_norm_adv!], [one.grad_norm_adv!], { relative: 1e-5 });
});

for (
  const [name, settings] of Object.entries({
    "from pure noise": { imageToImage: false, startGroups: 1 },
    "under guidance": { imageToImage: false, startGroups: 1, guidanceScale: 2.5 },
    "under guidance drawn for each group": {
      imageToImage: false,
      guidanceScale: { min: 1.5, max: 5, none: 0 },
    },
    "of groups with starts of their own": { imageToImage: true, startGroups: 2 },
  })
) {
  Deno.test(`adversarialGradient() is the derivative of the adversarial loss, ${name}`, () =>
    withTuning(
      { ...settings, plan: { kind: "full" } },
      (tuning, functions) => assertDerivative(tuning, functions, 1e-4),
      { steps: 3 },
    ));
}

Deno.test("adtStep(): in its head start the discriminator learns alone", () =>
  withTuning({ discriminatorHeadStart: 2 }, async (tuning, functions) => {
    const before = await read(tuning.start());
    const { state, records } = await steps(tuning, functions, 3);
    assert.deepEqual(records.map(({ metrics }) => "loss_adv" in metrics), [false, false, true]);
    assert.ok(records.slice(0, 2).every(({ plans }) => plans.every(({ trained }) => trained.length === 0)));
    tf.dispose(state);
    const two = await steps(tuning, functions, 2), after = await read(two.state);
    for (const [i, values] of after.entries()) {
      if (i < 4) assert.deepEqual(values, before[i]);
      else assert.notDeepEqual(values, before[i]);
    }
  }));

Deno.test("adtStep() under guidance needs the null condition, and says so", () =>
  noLeak(async () => {
    const tuning = tinyTuning({ guidanceScale: 2 }), { nullCondition: _, ...setup } = tuning.setup;
    const functions = adtFunctions(setup), state = tuning.start();
    await assert.rejects(
      adtStep(setup, functions, state, tuning.batch, 1),
      /null condition has no "encoder_hidden_states"/,
    );
    tf.dispose(state);
    functions.dispose();
    tuning.dispose();
  }));

Deno.test("adversarialGradient() of a batch that does not split into its groups says so", () =>
  withTuning({ startGroups: 3 }, async ({ setup, batch, start }, functions) => {
    const state = start();
    await assert.rejects(
      adversarialGradient(setup, functions, state, batch, 1),
      /a batch of 2 images does not split into 3 equal groups/,
    );
    tf.dispose(state);
  }));

Deno.test("adtStep(): images that are not finite change no weight and show in the numbers", () =>
  withTuning({}, async (tuning, functions) => {
    const { setup, batch, start } = tuning;
    const broken = { ...batch, reference: tf.fill(batch.reference.shape, NaN) };
    const { state, metrics } = await adtStep(setup, functions, start(), broken, 1);
    assert.deepEqual(await read(state), await read(start()));
    assert.ok(Number.isNaN(metrics.loss_adv) && Number.isNaN(metrics.loss_discriminator));
    assert.ok(!Number.isFinite(metrics.grad_norm!) && Number.isFinite(metrics.loss_diffusion!));
    broken.reference.dispose();
  }));

Deno.test("adtStep() stops at a signal in the roll-out and leaves the state as it was", () =>
  withTuning({ imageToImage: false }, async ({ setup, batch, start }, functions) => {
    const state = start(), controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stopped")));
    await assert.rejects(adtStep(setup, functions, state, batch, 1, controller.signal), /stopped/);
    assert.deepEqual(await read(state), await read(start()));
  }, { steps: 40 }));
