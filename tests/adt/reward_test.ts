import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adversarialGradient } from "../../src/adt/adversarial_gradient.ts";
import { adtFunctions } from "../../src/adt/functions.ts";
import type { Reward } from "../../src/adt/reward.ts";
import { adtStep } from "../../src/adt/step.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { assertDerivative } from "./derivative.ts";
import { assertSteadySteps } from "./steady_steps.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

/** How near the mean colour of an image is to the wanted one [B,3]. */
const meanColour: Reward = (images, wanted) =>
  images.mean([1, 2]).sub(wanted!).square().sum(-1).neg() as tf.Tensor;

/** A tiny tuning in which the mean colour is the reward. */
function rewarded(changes: Parameters<typeof tinyTuning>[0]) {
  const tuning = tinyTuning(changes), wanted = tf.fill([2, 3], 0.8);
  return {
    ...tuning,
    setup: { ...tuning.setup, reward: meanColour },
    batch: { ...tuning.batch, wanted },
    dispose: () => (tuning.dispose(), wanted.dispose()),
  };
}

for (const plan of [{ kind: "full" }, { kind: "truncated", steps: 4 }] as const) {
  Deno.test(`adversarialGradient() of a reward is the derivative of its loss, ${plan.kind}`, () =>
    noLeak(async () => {
      const { setup, batch, start, dispose } = rewarded({ plan, imageToImage: false });
      const functions = adtFunctions(setup), state = start();
      const { gradient, images, metrics } = await adversarialGradient(setup, functions, state, batch, 1);
      assert.equal(metrics.score_generated, -metrics.loss_adv!);
      tf.dispose([gradient, images, state]);
      await assertDerivative({ setup, batch, start }, functions, 1e-3);
      functions.dispose();
      dispose();
    }));
}

Deno.test("adtStep() with a reward piles up no tensors", () => assertSteadySteps(() => rewarded({}), 5));

Deno.test("adtStep() with a reward makes it larger from the first step on, and leaves the discriminator as it is", () =>
  noLeak(async () => {
    const rate = { lr: 0.003, warmupSteps: 0, schedule: "constant" as const };
    const adam = { betas: [0.5, 0.9] as [number, number], eps: 1e-3, weightDecay: 0, clipNorm: 1 };
    const { setup, batch, start, dispose } = rewarded({
      plan: { kind: "full" },
      lambdaAdv: 1,
      lambdaDiffusion: 0,
      imageToImage: false,
      discriminatorHeadStart: 5,
      optimizer: { ...adam, ...rate },
    });
    const functions = adtFunctions(setup);
    const mean = async (state: ReturnType<typeof start>) => {
      const scores = [];
      for (const noise of [101, 102, 103, 104]) {
        const { gradient, images, metrics } = await adversarialGradient(
          setup,
          functions,
          state,
          batch,
          noise,
        );
        tf.dispose([gradient, images]);
        scores.push(metrics.score_generated!);
      }
      return scores.reduce((a, b) => a + b) / scores.length;
    };
    let state = start();
    const heads = await state.discriminator.weights.data(), before = await mean(state);
    for (let step = 1; step <= 40; step++) {
      const { metrics, ...result } = await adtStep(setup, functions, state, batch, step);
      state = result.state;
      assert.ok(!("loss_discriminator" in metrics));
    }
    assert.deepEqual(await state.discriminator.weights.data(), heads);
    const after = await mean(state);
    assert.ok(before < 0 && after > before / 2, `${before} → ${after}`);
    tf.dispose(state);
    functions.dispose();
    dispose();
  }));
