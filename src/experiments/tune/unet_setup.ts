import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { digitsAugmentation } from "../../adt/augmentation.ts";
import type { AdtBatch, AdtSetup } from "../../adt/setup.ts";
import type { Batch } from "../../data/dataset.ts";
import { makeLoader } from "../../data/loader.ts";
import { openDataset } from "../../data/open_dataset.ts";
import { type Autoencoder, spaceToDepth } from "../../models/autoencoder.ts";
import { unetDenoiser } from "../../models/unet2d_condition/denoiser.ts";
import { loadUNet2DCondition } from "../../models/unet2d_condition/load.ts";
import type { PredictionType } from "../../sampling/denoiser.ts";
import { samplerFromConfig } from "../../sampling/from_config.ts";
import { noiseSchedule } from "../../sampling/noise_schedule.ts";
import type { Sampler } from "../../sampling/sampler.ts";
import { SAMPLER_CLASSES } from "../../sampling/sampler_names.ts";
import { readSchedulerConfig } from "../../sampling/scheduler_config.ts";
import type { Params } from "../../tensor/params.ts";
import { checkClassTokens, requireClasses } from "../../training/class_conditional.ts";
import { classTokens } from "../../training/class_tokens.ts";
import { initialState } from "../../training/training_state.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import type { Config } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";
import { type UNetTuneConfig, wholeBatch } from "./config.ts";
import { adtSettings, atResolution, judgedAt, openJudge, referenceOf, tunableSampler } from "./parts.ts";
import { wholeNetwork } from "./tunable.ts";
import type { Tuning } from "./tuning.ts";

/** Prepares the tuning of all weights of a class-conditional UNet. */
export async function prepareUNetTuning(config: UNetTuneConfig): Promise<Tuning> {
  using opened = new DisposableStack(), loading = new DisposableStack();
  const { model, params, config: unetConfig } = await loadUNet2DCondition(config.model.unet);
  loading.defer(() => tf.dispose(params));
  const schedulerConfig = await readSchedulerConfig(config.model.scheduler);
  const schedule = noiseSchedule(schedulerConfig), { pairing, resolution } = config.adt.discriminator;
  const dataset = await openDataset(config.data, config.train), classes = requireClasses(dataset);
  checkClassTokens(model.config, classes);
  const judge = opened.adopt(await openJudge(config, digitsAugmentation), (judge) => judge.dispose());
  const nullTokens = opened.adopt(classTokens([-1], classes), tf.dispose), autoencoder = spaceToDepth(2);
  const save = async (folder: string, params: Params) => {
    // JSON has no infinity; where diffusers writes one, it is the default of a key left out
    const writable = Object.entries(schedulerConfig).filter(([, value]) =>
      Math.abs(Number(value)) !== Infinity
    );
    await writeJson(join(folder, "scheduler_config.json"), Object.fromEntries(writable));
    await saveParams(folder, unetConfig, params, { dtype: "F32", kind: "diffusers" });
  };
  loading.move(); // the tunable has the weights from here on
  const tunable = opened.adopt(
    wholeNetwork(model.declarations, params, save),
    (tunable) => tunable.dispose(),
  );
  const setup: AdtSetup = {
    denoiser: unetDenoiser(model, schedule.predictionType),
    params: tunable.params,
    base: tunable.base,
    autoencoder: judgedAt(autoencoder, resolution),
    schedule,
    sampler: samplerOf(config, schedulerConfig, schedule.predictionType),
    nullCondition: () => nullTokens,
    adversary: judge.adversary,
    headLayout: judge.headLayout,
    settings: adtSettings(config, judge.augmentation),
  };
  const loader = makeLoader(dataset, { batchSize: wholeBatch(config.train), seed: config.train.seed });
  const initial = { generator: initialState(tunable.initial()), discriminator: judge.initial() };
  const held = opened.move();
  return {
    setup,
    initial,
    batch: async (step) =>
      classBatch(await loader.batch(step - 1), autoencoder, classes, { pairing, resolution }),
    encodingSeconds: 0,
    save: tunable.save,
    dispose: () => held.dispose(),
  };
}

/** The sampler that the configuration names on the model's noise schedule. */
function samplerOf(
  config: UNetTuneConfig,
  scheduler: Config,
  predictionType: PredictionType,
): Sampler {
  const { name, steps } = config.sampler;
  const sampler = samplerFromConfig({ ...scheduler, _class_name: SAMPLER_CLASSES[name] }, steps);
  return tunableSampler(sampler, config, config.model.unet, predictionType);
}

/** Images, latents, class tokens and each image's partner, from a batch of the data set, which is used up. */
function classBatch(
  { images, labels }: Batch,
  autoencoder: Autoencoder,
  classes: number,
  { pairing, resolution }: { pairing: "image" | "condition"; resolution?: number },
): AdtBatch {
  const batch = tf.tidy(() => {
    const judged = atResolution(images, resolution);
    return {
      images: judged,
      latents: autoencoder.encode(images),
      condition: classTokens(labels!, classes),
      reference: referenceOf(judged, labels!, pairing),
    };
  });
  images.dispose();
  return batch;
}
