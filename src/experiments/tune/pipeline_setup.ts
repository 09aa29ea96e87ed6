import { photoAugmentation } from "../../adt/augmentation.ts";
import type { AdtSetup } from "../../adt/setup.ts";
import type { Autoencoder } from "../../models/autoencoder.ts";
import type { FeatureExtractor } from "../../models/feature_extractor.ts";
import { checkpointingBlocks } from "../../nn/checkpointing.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { Denoiser } from "../../sampling/denoiser.ts";
import { SAMPLER_CLASSES } from "../../sampling/sampler_names.ts";
import { initialState } from "../../training/training_state.ts";
import { imageSide } from "../config/image_side.ts";
import { captionedDataset, captionedImages } from "./captioned_images.ts";
import type { PipelineTuneConfig } from "./config.ts";
import { adtSettings, type Judge, judgedAt, openJudge, tunableSampler } from "./parts.ts";
import { pictureTextReward } from "./picture_text_reward.ts";
import { tunableOf } from "./tunable.ts";
import type { PrepareOptions, Tuning } from "./tuning.ts";

/** Prepares the tuning of a pipeline's denoiser: of a LoRA, or of all weights. */
export async function preparePipelineTuning(
  config: PipelineTuneConfig,
  { signal, mostImages }: PrepareOptions = {},
): Promise<Tuning> {
  const { model, data } = config, { discriminator } = config.adt;
  using opened = new DisposableStack();
  const dataset = await captionedDataset(config, mostImages); // what is wrong on this machine shows before anything is downloaded
  const side = imageSide(data), augmentation = photoAugmentation(discriminator.resolution ?? side);
  const judge = opened.adopt(await openJudge(config, augmentation), (judge) => judge.dispose());
  const pipeline = opened.adopt(
    await loadPipeline(model.pipeline, {
      freeTextEncoders: data.kind === "folder",
      base: model.base,
      configFrom: model.config_from,
    }),
    (pipeline) => pipeline.dispose(),
  );
  // what is wrong with these shows before the images are encoded
  const sampler = samplerOf(pipeline, config), loadTunable = tunableOf(pipeline, config);
  const reward = data.kind === "pictograms" && config.adt.reward
    ? opened.adopt(await pictureTextReward(data.split), (reward) => reward.dispose())
    : undefined;
  const images = opened.adopt(
    await captionedImages(pipeline, dataset, config, { wanted: reward?.wanted, signal }),
    (images) => images.dispose(),
  );
  const tunable = opened.adopt(await loadTunable(), (tunable) => tunable.dispose());
  const autoencoder = await pipeline.autoencoder();
  const setup: AdtSetup = {
    ...networks(pipeline, judge, judgedAt(autoencoder, discriminator.resolution), model.checkpointing),
    reward: reward?.reward,
    params: tunable.params,
    base: tunable.base,
    schedule: pipeline.schedule({ height: side, width: side }),
    sampler,
    nullCondition: (condition) => ({ ...condition, ...images.nullCondition }),
    headLayout: judge.headLayout,
    settings: adtSettings(config, judge.augmentation),
  };
  const initial = { generator: initialState(tunable.initial()), discriminator: judge.initial() };
  const held = opened.move();
  return {
    setup,
    initial,
    batch: images.batch,
    encodingSeconds: images.encodingSeconds,
    pipeline,
    save: tunable.save,
    dispose: () => held.dispose(),
  };
}

/** The sampler that the configuration names on the pipeline's noise schedule; it clips only if that says so. */
function samplerOf(pipeline: Pipeline, config: PipelineTuneConfig) {
  const { name, steps } = config.sampler, side = imageSide(config.data);
  const scheduler = { clip_sample: false, ...pipeline.scheduler, _class_name: SAMPLER_CLASSES[name] };
  const sampler = pipeline.sampler(steps, { scheduler, height: side, width: side });
  return tunableSampler(sampler, config, pipeline.className, pipeline.denoiser.predictionType);
}

const withCheckpoints = ({ patchGrids }: FeatureExtractor): FeatureExtractor => ({
  patchGrids: (images) => checkpointingBlocks(() => patchGrids(images)),
});

/** The networks that the gradient goes through, their blocks checkpointed if so. */
function networks(
  { denoiser }: Pipeline,
  { adversary }: Judge,
  autoencoder: Autoencoder,
  checkpointing: boolean,
): Pick<AdtSetup, "denoiser" | "autoencoder" | "adversary"> {
  if (!checkpointing) return { denoiser, autoencoder, adversary };
  const { extractor } = adversary;
  const forward: Denoiser["forward"] = (...inputs) => checkpointingBlocks(() => denoiser.forward(...inputs));
  return {
    denoiser: { ...denoiser, forward },
    autoencoder: {
      ...autoencoder,
      decode: (latents) => checkpointingBlocks(() => autoencoder.decode(latents)),
    },
    adversary: {
      ...adversary,
      extractor: typeof extractor === "function"
        ? (weights) => withCheckpoints(extractor(weights))
        : withCheckpoints(extractor),
    },
  };
}
