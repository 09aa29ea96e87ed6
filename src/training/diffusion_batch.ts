import * as tf from "@tensorflow/tfjs";
import { integer, normalBatch } from "../runtime/random.ts";
import type { Condition } from "../sampling/denoiser.ts";
import { alphaSigma, type NoiseSchedule } from "../sampling/noise_schedule.ts";
import { diffuse, predictionTarget } from "../sampling/prediction.ts";
import type { DiffusionBatch } from "./diffusion_loss.ts";

/**
 * Draws timesteps (uniform over the schedule) and noise for clean latents, and noises them: x_t = √ᾱ_t·x0 + √(1−ᾱ_t)·ε
 * (Ho et al. 2020, eq. 4). The draw depends on the seed, the training step and each sample's place in the batch only.
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
 * @returns `noisy`, `timesteps` and `target` are new tensors
 */
export function drawDiffusionBatch(
  clean: tf.Tensor,
  condition: Condition,
  schedule: NoiseSchedule,
  { seed, step }: { seed: number; step: number },
): DiffusionBatch {
  const [batch, ...shape] = clean.shape as [number, ...number[]];
  const samples = Array.from({ length: batch }, (_, i) => i);
  const key = { seed, purpose: "diffusion timesteps", step, sample: 0 };
  const timesteps = integer(key, batch, schedule.alphasCumprod.length);
  const { alpha, sigma } = alphaSigma(schedule, timesteps);
  return tf.tidy(() => {
    const noise = tf.tensor(normalBatch({ seed, purpose: "diffusion noise", step }, samples, shape), [
      batch,
      ...shape,
    ]);
    const column = (values: Float32Array) => tf.tensor(values, [batch, ...shape.map(() => 1)]);
    const a = column(alpha), s = column(sigma);
    return {
      noisy: diffuse(clean, noise, a, s),
      timesteps: tf.tensor1d(Float32Array.from(timesteps)),
      target: predictionTarget(schedule.predictionType, clean, noise, a, s),
      condition,
    };
  });
}
