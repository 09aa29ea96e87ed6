import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { coefficientsToEnd } from "../../src/sampling/coefficients.ts";
import { oneStep } from "../../src/sampling/one_step.ts";
import { predictionTarget } from "../../src/sampling/prediction.ts";
import { sample } from "../../src/sampling/sample.ts";
import { addNoise, type Sampler } from "../../src/sampling/sampler.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";
import { EVERY_SAMPLER } from "./every_sampler.ts";

await startTestEngine();

/** What a perfect network says at a call, of a clean image and the noise that was added. */
function target({ levels, steps, predictionType }: Sampler, from: number, x0: tf.Tensor, noise: tf.Tensor) {
  const { alpha, sigma } = levels[from]!, { inputScale } = steps[from]!;
  // networks see x in the schedule's own scaling, where α² + σ² = 1 (or α + σ = 1)
  return predictionTarget(predictionType, x0, noise, alpha * inputScale, sigma * inputScale);
}

for (const [name, sampler] of Object.entries(EVERY_SAMPLER)) {
  Deno.test(`oneStep() of ${name}: a perfect network's path ends at the clean image, from every start, after one call`, () =>
    noLeak(async () => {
      const x0 = tf.tidy(() => random([2, 2, 2, 3], 1).mul(0.5)), noise = random([2, 2, 2, 3], 2);
      const jump = oneStep(sampler);
      for (const from of sampler.starts) {
        const xStart = addNoise(sampler, from, x0, noise), m = target(sampler, from, x0, noise);
        let calls = 0;
        const denoiser = {
          predictionType: sampler.predictionType,
          forward: () => (calls++, m.clone()),
        };
        const end = await sample(denoiser, {}, jump, xStart, {}, { from });
        const [ended, clean] = await take(end, x0.clone());
        assertClose(ended!, clean!, { absolute: 2e-4 });
        assert.equal(calls, 1);
        const { x, m: ofOutput } = sampler.path(from)[0]!.x0;
        const { start, c } = coefficientsToEnd(jump, from);
        assert.deepEqual([start, c], [x, [ofOutput]]);
        tf.dispose([xStart, m]);
      }
      tf.dispose([x0, noise]);
    }));
}
