import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adversarialGradient } from "../../src/adt/step.ts";
import { prepareTuning } from "../../src/experiments/tune_setup.ts";
import { random } from "../tensor/parity.ts";
import { type PipelineName, PIPELINES, withPipelineTuning } from "./tiny_pipeline_tuning.ts";

/**
 * Length of the step of finite differences in the space of all tuned weights: short, as the kinks of the heads' leaky ReLUs
 * lie close together. Along SDXL's gradient they are off by 1.2 % at 1e-2, 0.45 % at 2e-4, 0.15 % at 1e-4, where rounding
 * begins to tell.
 */
const STEP = 2e-4;

for (const name of Object.keys(PIPELINES) as PipelineName[]) {
  Deno.test(`${name}: the gradient of the adversarial loss through the whole path is that of finite differences`, () =>
    withPipelineTuning(name, async (config) => {
      const adt = { ...config.adt, plan: { kind: "full" as const }, image_to_image: false, start_groups: 1 };
      const tuning = await prepareTuning({ ...config, adt, sampler: { ...config.sampler, steps: 2 } });
      const { setup, initial } = tuning, functions = adtFunctions(setup), batch = await tuning.batch(1);
      const size = initial.generator.weights.size, weights = random([size], 1).mul<tf.Tensor1D>(0.2);
      const gradientAt = (weights: tf.Tensor1D) =>
        adversarialGradient(
          setup,
          functions,
          { ...initial, generator: { ...initial.generator, weights } },
          batch,
          1,
        );
      const { gradient, images, metrics } = await gradientAt(weights);
      assert.ok(Number.isFinite(metrics.loss_adv));
      for (const direction of [gradient, random([size], 2)]) {
        const unit = direction.div<tf.Tensor1D>(direction.norm());
        const losses = [];
        for (const sign of [1, -1]) {
          const there = await gradientAt(weights.add(unit.mul(sign * STEP)));
          losses.push(there.metrics.loss_adv!);
          tf.dispose([there.gradient, there.images]);
        }
        const slope = gradient.mul(unit).sum().dataSync()[0]!,
          expected = (losses[0]! - losses[1]!) / (2 * STEP);
        const scale = gradient.norm().dataSync()[0]!;
        assert.ok(
          Math.abs(slope - expected) < 0.01 * scale,
          `slope ${slope}, finite differences ${expected}`,
        );
      }
      tf.dispose([gradient, images, weights, { ...batch }, initial]);
      functions.dispose();
      tuning.dispose();
    }));
}
