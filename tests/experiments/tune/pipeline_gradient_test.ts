import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adtFunctions } from "../../../src/adt/functions.ts";
import type { AdtSetup } from "../../../src/adt/setup.ts";
import { adversarialGradient } from "../../../src/adt/adversarial_gradient.ts";
import { prepareTuning } from "../../../src/experiments/tune/setup.ts";
import { random } from "../../tensor/parity.ts";
import { type PipelineName, PIPELINES, withPipelineTuning } from "./tiny_pipeline_tuning.ts";

/** Length of the step of finite differences in the space of all tuned weights. */
const STEP = 0.01;

/**
 * The setup with the mean square of the features' differences as score. The heads' leaky ReLUs bend the loss at points
 * that lie closer than a step can be in float32; their gradient is tested by itself.
 */
function withSmoothScore(setup: AdtSetup): AdtSetup {
  const discriminator: AdtSetup["adversary"]["discriminator"] = {
    ...setup.adversary.discriminator,
    branch: (_, grids) => [...grids],
    score: (_, [x], [reference]) => x!.sub(reference!).square().mean([1, 2, 3]),
  };
  return { ...setup, adversary: { ...setup.adversary, discriminator } };
}

for (const name of Object.keys(PIPELINES) as PipelineName[]) {
  Deno.test(`${name}: the gradient of the adversarial loss through the whole path is that of finite differences`, () =>
    withPipelineTuning(name, async (config) => {
      const adt = { ...config.adt, plan: { kind: "full" as const }, image_to_image: false };
      const tuning = await prepareTuning({ ...config, adt, sampler: { ...config.sampler, steps: 2 } });
      const { initial } = tuning, setup = withSmoothScore(tuning.setup), functions = adtFunctions(setup);
      const size = initial.generator.weights.size,
        weights = tf.tidy(() => random([size], 1).mul<tf.Tensor1D>(0.2));
      const batch = await tuning.batch(1);
      const judged = (weights: tf.Tensor1D) =>
        adversarialGradient(
          setup,
          functions,
          { ...initial, generator: { ...initial.generator, weights } },
          batch,
          1,
        );
      const lossAt = async (weights: tf.Tensor1D) => {
        const { gradient, images, metrics } = await judged(weights);
        tf.dispose([gradient, images, weights]);
        return metrics.loss_adv!;
      };
      const { gradient, images } = await judged(weights), [norm] = await gradient.norm().data();
      for (const direction of [gradient, random([size], 2), random([size], 3)]) {
        const unit = tf.tidy(() => direction.div<tf.Tensor1D>(direction.norm()));
        const [slope] = await gradient.mul(unit).sum().data();
        const ahead = await lossAt(weights.add(unit.mul(STEP))),
          behind = await lossAt(weights.sub(unit.mul(STEP)));
        const measured = (ahead - behind) / (2 * STEP);
        assert.ok(
          Math.abs(slope! - measured) < 2e-3 * norm!,
          `slope ${slope}, by finite differences ${measured}; the gradient's norm is ${norm}`,
        );
      }
      tf.dispose([gradient, images, weights, { ...batch }, initial]);
      functions.dispose();
      tuning.dispose();
    }));
}
