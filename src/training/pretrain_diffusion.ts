import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { makeLoader } from "../data/loader.ts";
import type { Autoencoder } from "../models/autoencoder.ts";
import type { Model } from "../models/model.ts";
import { unetDenoiser } from "../models/unet2d_condition/denoiser.ts";
import type { UNet2DConditionConfig, UNetInputs } from "../models/unet2d_condition/unet2d_condition.ts";
import { uniform } from "../runtime/random.ts";
import type { NoiseSchedule } from "../sampling/noise_schedule.ts";
import type { Params } from "../tensor/params.ts";
import { classTokens, dropLabels } from "./class_tokens.ts";
import { drawDiffusionBatch } from "./diffusion_batch.ts";
import { diffusionLoss } from "./diffusion_loss.ts";
import { minimise, type Training, type TrainingRun } from "./minimise.ts";

/** Settings of a diffusion model's training from scratch. */
export interface DiffusionTraining extends Training {
  /** Share of samples trained without condition, for classifier-free guidance. */
  conditionDropout: number;
}

/** What is trained, and on what. */
export interface DiffusionSetup {
  unet: Model<UNet2DConditionConfig, UNetInputs>;
  autoencoder: Autoencoder;
  schedule: NoiseSchedule;
  dataset: Dataset;
}

/**
 * Trains a class-conditional diffusion model from scratch by the diffusion loss (Ho et al. 2020) with AdamW and EMA.
 *
 * @returns the averaged weights and the number of updates done (fewer than asked when the signal stopped it)
 */
export function pretrainDiffusion(
  { unet, autoencoder, schedule, dataset }: DiffusionSetup,
  training: DiffusionTraining,
  run: TrainingRun = {},
): Promise<{ params: Params; steps: number }> {
  const { seed, batchSize, conditionDropout } = training;
  const loader = makeLoader(dataset, { batchSize, seed });
  const denoiser = unetDenoiser(unet, schedule.predictionType);
  const objective = {
    declarations: unet.declarations,
    loss: diffusionLoss.bind(null, denoiser),
    async batch(step: number) {
      const { images, labels } = await loader.batch(step - 1);
      const draws = uniform({ seed, purpose: "condition dropout", step, sample: 0 }, batchSize);
      const condition = classTokens(dropLabels(labels!, draws, conditionDropout), dataset.classCount!);
      const batch = tf.tidy(() =>
        drawDiffusionBatch(autoencoder.encode(images), condition, schedule, { seed, step })
      );
      images.dispose();
      return batch;
    },
  };
  return minimise(objective, training, run);
}
