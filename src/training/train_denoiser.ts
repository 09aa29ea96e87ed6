import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../nn/declare.ts";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import type { FlowSchedule } from "../sampling/flow_schedule.ts";
import type { NoiseSchedule } from "../sampling/noise_schedule.ts";
import type { Params } from "../tensor/params.ts";
import { drawDiffusionBatch } from "./diffusion_batch.ts";
import { diffusionLoss } from "./diffusion_loss.ts";
import { minimise, type Training, type TrainingRun } from "./minimise.ts";

/** What a denoiser is trained on in one update; the training disposes it. */
export interface Examples {
  /** Clean latents x0 [B,h,w,c]. */
  latents: tf.Tensor;
  /** Their condition, that of some of them dropped. */
  condition: Condition;
}

/** A denoiser to train from scratch, and on what. */
export interface DenoiserSetup {
  declarations: Declarations;
  denoiser: Denoiser;
  schedule: NoiseSchedule | FlowSchedule;
  /** The examples of update number `step` (1, 2, …). */
  examples(step: number): Promise<Examples>;
}

/** Settings of a denoiser's training from scratch. */
export interface DenoiserTraining extends Training {
  /** γ of `minSnrWeights`; without it all noise levels count alike. */
  minSnrGamma?: number;
}

/**
 * Trains a denoiser from scratch by the diffusion loss (Ho et al. 2020), or that of rectified flow, with AdamW and EMA.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export function trainDenoiser(
  { declarations, denoiser, schedule, examples }: DenoiserSetup,
  training: DenoiserTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, minSnrGamma } = training;
  const objective = {
    declarations,
    loss: diffusionLoss.bind(null, denoiser),
    async batch(step: number) {
      const { latents, condition } = await examples(step);
      const batch = tf.tidy(() =>
        drawDiffusionBatch(latents, condition, schedule, { seed, step, minSnrGamma })
      );
      latents.dispose();
      return batch;
    },
  };
  return minimise(objective, training, run);
}
