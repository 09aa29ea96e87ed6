import * as tf from "@tensorflow/tfjs";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import type { Params } from "../tensor/params.ts";

/** Noised samples and what the network should say of them. */
export type DiffusionBatch = {
  /** x_t = α_t·x0 + σ_t·ε, [B,h,w,c]. */
  noisy: tf.Tensor;
  /** Timesteps [B]. */
  timesteps: tf.Tensor;
  /** ε, v or x0, by the denoiser's prediction type, [B,h,w,c]. */
  target: tf.Tensor;
  condition: Condition;
};

/** The diffusion training loss (Ho et al. 2020, eq. 14): mean squared error of the network's output. */
export function diffusionLoss(denoiser: Denoiser, params: Params, batch: DiffusionBatch): tf.Scalar {
  const output = denoiser.forward(params, batch.noisy, batch.timesteps, batch.condition);
  return output.sub(batch.target).square().mean();
}
