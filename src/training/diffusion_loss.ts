import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import type { Params } from "../tensor/params.ts";

/** Noised samples and what the network should say of them. */
export type DiffusionBatch = {
  /** x_t = α_t·x0 + σ_t·ε, [B,h,w,c]. */
  noisy: tf.Tensor;
  /** Timesteps [B]. */
  timesteps: tf.Tensor;
  /** ε, v, x0 or flow, by the denoiser's prediction type, [B,h,w,c]. */
  target: tf.Tensor;
  /** Weight of each sample's error [B]; default: 1. */
  weights?: tf.Tensor;
  condition: Condition;
};

/** The diffusion training loss (Ho et al. 2020, eq. 14): mean squared error of the network's output, weighted. */
export function diffusionLoss(denoiser: Denoiser, params: Params, batch: DiffusionBatch): tf.Scalar {
  const output = denoiser.forward(params, batch.noisy, batch.timesteps, batch.condition);
  const errors = output.sub(batch.target).square();
  return batch.weights ? errors.mean([1, 2, 3]).mul(batch.weights).mean() : errors.mean();
}
