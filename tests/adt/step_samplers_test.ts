import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adtStep } from "../../src/adt/step.ts";
import { oneStep } from "../../src/sampling/one_step.ts";
import type { Sampler } from "../../src/sampling/sampler.ts";
import { EVERY_SAMPLER } from "../sampling/every_sampler.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { tinyTuning } from "./tiny_setup.ts";

await startTestEngine();

for (
  const [ways, way] of Object.entries({
    "their paths": (sampler: Sampler) => sampler,
    "single steps": oneStep,
  })
) {
  Deno.test(`adtStep() tunes through every sampler of a noise-predicting network, from image-to-image starts, along ${ways}`, () =>
    noLeak(async () => {
      const tuning = tinyTuning({ plan: { kind: "full" } }, { side: 4 }),
        functions = adtFunctions(tuning.setup);
      for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
        if (sampler.predictionType !== "epsilon") continue;
        const { state, metrics, plans } = await adtStep(
          { ...tuning.setup, sampler: way(sampler) },
          functions,
          tuning.start(),
          tuning.batch,
          3,
        );
        assert.ok(
          metrics.grad_norm_adv! > 0 && Number.isFinite(metrics.grad_norm_adv),
          `${name}: ${metrics.grad_norm_adv}`,
        );
        assert.ok(plans.every(({ from }) => sampler.starts.includes(from)), name);
        if (way === oneStep) assert.ok(plans.every(({ from, to }) => to === from + 1), name);
        tf.dispose(state);
      }
      functions.dispose();
      tuning.dispose();
    }));
}
