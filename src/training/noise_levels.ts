import { integer, normal } from "../runtime/random.ts";
import type { PredictionType } from "../sampling/denoiser.ts";
import { type FlowSchedule, shifted } from "../sampling/flow_schedule.ts";
import { alphaSigma, type NoiseSchedule } from "../sampling/noise_schedule.ts";

/** The noise levels of a batch, [B] each: x_t = alpha·x0 + sigma·ε at the network's timestep. */
export interface BatchLevels {
  timesteps: Float32Array<ArrayBuffer>;
  alpha: Float32Array;
  sigma: Float32Array;
}

/**
 * Draws the noise level of each sample. Over a schedule of timesteps: uniform (Ho et al. 2020). Of rectified flow:
 * σ = sigmoid(n) with n standard normal, the logit-normal density that SD3 was trained with (Esser et al. 2024, eq. 19,
 * location 0 and scale 1), then shifted as the schedule says.
 *
 * @param step number of the update (1, 2, …)
 */
export function drawNoiseLevels(
  schedule: NoiseSchedule | FlowSchedule,
  batch: number,
  { seed, step }: { seed: number; step: number },
): BatchLevels {
  const key = { seed, purpose: "diffusion timesteps", step, sample: 0 };
  if ("alphasCumprod" in schedule) {
    const timesteps = integer(key, batch, schedule.alphasCumprod.length);
    return { timesteps: Float32Array.from(timesteps), ...alphaSigma(schedule, timesteps) };
  }
  const sigma = normal(key, batch).map((n) => shifted(1 / (1 + Math.exp(-n)), schedule.shift));
  return {
    timesteps: sigma.map((s) => s * schedule.trainTimesteps),
    alpha: sigma.map((s) => 1 - s),
    sigma,
  };
}

/**
 * Weights of the diffusion loss by "min-SNR" (Hang et al. 2023, "Efficient diffusion training via min-SNR weighting
 * strategy", section 3.4): with snr = α²/σ², min(snr, γ) on the error of x0, in terms of what the network predicts:
 * epsilon min(snr, γ)/snr, v_prediction min(snr, γ)/(snr + 1), sample min(snr, γ). Flow has α + σ = 1 instead of
 * α² + σ² = 1: the error of x0 is σ times the flow's, so its weight is min(snr, γ)·σ² (this project's choice).
 *
 * ```ts
 * import { minSnrWeights } from "./noise_levels.ts";
 * console.log(minSnrWeights("epsilon", { alpha: [0.995], sigma: [0.0995] }, 5)); // Float32Array [ 0.05 ], SNR 100
 * ```
 *
 * @param gamma γ; the paper's is 5
 * @returns [B]
 */
export function minSnrWeights(
  type: PredictionType,
  { alpha, sigma }: { alpha: ArrayLike<number>; sigma: ArrayLike<number> },
  gamma: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(alpha, (a, i) => {
    const s = sigma[i]!, snr = (a / s) ** 2;
    switch (type) {
      case "epsilon":
        return Math.min(1, gamma / snr); // also where no signal is left
      case "v_prediction":
        return Math.min(snr, gamma) / (snr + 1);
      case "sample":
        return Math.min(snr, gamma);
      case "flow":
        return Math.min(snr, gamma) * s * s;
    }
  });
}
