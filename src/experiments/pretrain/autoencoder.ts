import { openDataset } from "../../data/open_dataset.ts";
import { autoencoderKL } from "../../models/autoencoder_kl/autoencoder_kl.ts";
import { latentAutoencoder } from "../../models/autoencoder_kl/latents.ts";
import { latentStatistics } from "../../training/latent_statistics.ts";
import { pretrainAutoencoder } from "../../training/pretrain_autoencoder.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { expectClass } from "../../weights/config.ts";
import type { PretrainConfigOf } from "./config.ts";
import { describeScale, latentScale } from "./latent_scale.ts";
import { openPerceptual } from "./perceptual.ts";
import { imageSide } from "../config/image_side.ts";
import { commonSettings, expectFit, type Pretraining } from "./pretraining.ts";

/** Prepares the training of an autoencoder; the scale of its latents is measured at the end. */
export async function autoencoder(config: PretrainConfigOf<"autoencoder">): Promise<Pretraining> {
  const { objective, model: json, train: { seed, batch_size: batchSize } } = config;
  expectClass(json, "AutoencoderKL", "model");
  const model = autoencoderKL(json), size = imageSide(config.data);
  latentAutoencoder(model, {}).latentShape(size, size); // images that it cannot take are named here
  expectFit("sample_size", model.config.sample_size, size, size);
  const dataset = await openDataset(config.data);
  const perceptual = objective.perceptual && await openPerceptual(objective.perceptual, size);
  const training = {
    ...commonSettings(config),
    l1Weight: objective.l1_weight,
    klWeight: objective.kl_weight,
  };
  return {
    train: (run) => pretrainAutoencoder({ model, perceptual, dataset }, training, run),
    async save(folder, params) {
      const latents = await latentStatistics(model, params, dataset, { batchSize, seed });
      const scaled = { ...json, ...latentScale(latents, json["shift_factor"] ?? null) };
      console.error(describeScale(latents, scaled));
      await saveParams(folder, scaled, params, { dtype: "F16", kind: "diffusers" });
    },
    dispose: () => perceptual?.dispose(),
  };
}
