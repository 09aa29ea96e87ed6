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
import type { TrainingRun } from "./minimise.ts";
import { type DenoiserTraining, trainDenoiser } from "./train_denoiser.ts";

/** Settings of a class-conditional diffusion model's training from scratch. */
export interface DiffusionTraining extends DenoiserTraining {
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
  const denoiser = unetDenoiser(unet, schedule.predictionType), { declarations } = unet;
  async function examples(step: number) {
    const { images, labels } = await loader.batch(step - 1);
    const draws = uniform({ seed, purpose: "condition dropout", step, sample: 0 }, batchSize);
    const condition = classTokens(dropLabels(labels!, draws, conditionDropout), dataset.classCount!);
    const latents = tf.tidy(() => autoencoder.encode(images));
    images.dispose();
    return { latents, condition };
  }
  return trainDenoiser({ declarations, denoiser, schedule, examples }, training, run);
}
