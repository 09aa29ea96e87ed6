import * as tf from "@tensorflow/tfjs";
import { integer, normalBatch } from "../runtime/random.ts";
import type { Condition } from "../sampling/denoiser.ts";
import { alphaSigma, type NoiseSchedule } from "../sampling/noise_schedule.ts";
import { diffuse, predictionTarget } from "../sampling/prediction.ts";
import type { DiffusionBatch } from "./diffusion_loss.ts";

/**
 * Draws timesteps (uniform over the schedule) and noise for clean latents [B,h,w,c], and noises them. The draw depends
 * on the seed, the training step and each sample's place in the batch only.
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
