import * as tf from "@tensorflow/tfjs";
import { normalBatch } from "../runtime/random.ts";
import type { Condition } from "../sampling/denoiser.ts";
import type { FlowSchedule } from "../sampling/flow_schedule.ts";
import type { NoiseSchedule } from "../sampling/noise_schedule.ts";
import { diffuse, predictionTarget } from "../sampling/prediction.ts";
import type { DiffusionBatch } from "./diffusion_loss.ts";
import { drawNoiseLevels, minSnrWeights } from "./noise_levels.ts";

/**
 * Draws timesteps (see `drawNoiseLevels`) and noise for clean latents, and noises them: x_t = α_t·x0 + σ_t·ε with
 * α = √ᾱ, σ = √(1−ᾱ) (Ho et al. 2020, eq. 4) or, for flow, α = 1−σ. The draw depends on the seed, the training step and each
 * sample's place in the batch only.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { noiseSchedule } from "../sampling/noise_schedule.ts";
 * import { drawDiffusionBatch } from "./diffusion_batch.ts";
 * await tf.setBackend("cpu");
 * const latents = tf.zeros([2, 14, 14, 4]);
 * const { noisy, timesteps } = drawDiffusionBatch(latents, {}, noiseSchedule({}), { seed: 0, step: 1 });
 * console.log(noisy.shape, timesteps.shape); // [ 2, 14, 14, 4 ] [ 2 ]
 * ```
 *
 * @param clean x0 [B,h,w,c]; stays the caller's
 * @param condition batch B; becomes part of the result as it is
 * @param step number of the update (1, 2, …)
 * @param minSnrGamma γ of `minSnrWeights`; without it, all timesteps count alike
 * @returns all but the condition are new tensors
 */
export function drawDiffusionBatch(
  clean: tf.Tensor,
  condition: Condition,
  schedule: NoiseSchedule | FlowSchedule,
  { seed, step, minSnrGamma }: { seed: number; step: number; minSnrGamma?: number },
): DiffusionBatch {
  const [batch, ...shape] = clean.shape as [number, ...number[]];
  const samples = Array.from({ length: batch }, (_, i) => i);
  const levels = drawNoiseLevels(schedule, batch, { seed, step }), { predictionType } = schedule;
  return tf.tidy(() => {
    const noise = tf.tensor(normalBatch({ seed, purpose: "diffusion noise", step }, samples, shape), [
      batch,
      ...shape,
    ]);
    const column = (values: Float32Array) => tf.tensor(values, [batch, ...shape.map(() => 1)]);
    const a = column(levels.alpha), s = column(levels.sigma);
    return {
      noisy: diffuse(clean, noise, a, s),
      timesteps: tf.tensor1d(levels.timesteps),
      target: predictionTarget(predictionType, clean, noise, a, s),
      condition,
      ...minSnrGamma !== undefined &&
        { weights: tf.tensor1d(minSnrWeights(predictionType, levels, minSnrGamma)) },
    };
  });
}
