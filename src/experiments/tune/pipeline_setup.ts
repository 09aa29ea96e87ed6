import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { photoAugmentation } from "../../adt/augmentation.ts";
import type { AdtSetup } from "../../adt/setup.ts";
import { type LoraAdapter, loraAdapter } from "../../lora/adapter.ts";
import type { LoraComponent } from "../../lora/components.ts";
import { LORA_FILE_NAME } from "../../lora/lora_file.ts";
import { writeLora } from "../../lora/write.ts";
import type { Autoencoder } from "../../models/autoencoder.ts";
import type { FeatureExtractor } from "../../models/feature_extractor.ts";
import { checkpointingBlocks } from "../../nn/checkpointing.ts";
import { initParams, shapesOf } from "../../nn/declare.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import type { Denoiser } from "../../sampling/denoiser.ts";
import { SAMPLER_CLASSES } from "../../sampling/sampler_names.ts";
import { flatten, type Layout, layoutOf, unflatten } from "../../tensor/params.ts";
import { initialState } from "../../training/training_state.ts";
import { captionedFolder, captionedImages } from "./captioned_images.ts";
import type { PipelineTuneConfig } from "./config.ts";
import { adtSettings, type Judge, judgedAt, openJudge, tunableSampler } from "./parts.ts";
import type { Tuning } from "./tuning.ts";

/** The LoRA's file in kohya's layout, beside diffusers' `LORA_FILE_NAME`. */
export const KOHYA_FILE_NAME = "kohya_lora_weights.safetensors";

/** Prepares the tuning of a LoRA of a pipeline's denoiser. */
export async function preparePipelineTuning(
  config: PipelineTuneConfig,
  signal?: AbortSignal,
): Promise<Tuning> {
  const { model, data, train } = config, { discriminator } = config.adt;
  using opened = new DisposableStack();
  const folder = await captionedFolder(data); // what is wrong on this machine shows before anything is downloaded
  const augmentation = photoAugmentation(discriminator.resolution ?? data.resolution);
  const judge = opened.adopt(await openJudge(config, augmentation), (judge) => judge.dispose());
  const pipeline = opened.adopt(
    await loadPipeline(model.pipeline, {
      freeTextEncoders: true,
      base: model.base,
      configFrom: model.config_from,
    }),
    (pipeline) => pipeline.dispose(),
  );
  const component: LoraComponent = "unet" in pipeline.networks ? "unet" : "transformer";
  const adapter = loraAdapter(pipeline.networks[component]!.declarations, model.lora);
  const sampler = samplerOf(pipeline, config); // what is wrong with it shows before the images are encoded
  const images = opened.adopt(
    await captionedImages(pipeline, folder, config, signal),
    (images) => images.dispose(),
  );
  const layout = layoutOf(shapesOf(adapter.declarations)), autoencoder = await pipeline.autoencoder();
  const setup: AdtSetup = {
    ...networks(pipeline, judge, judgedAt(autoencoder, discriminator.resolution), model.checkpointing),
    params: await frozenWith(pipeline, adapter, layout),
    schedule: pipeline.schedule(sizeOf(config)),
    sampler,
    nullCondition: (condition) => ({ ...condition, ...images.nullCondition }),
    headLayout: judge.headLayout,
    settings: adtSettings(config, judge.augmentation),
  };
  const generator = tf.tidy(() =>
    initialState(flatten(initParams(adapter.declarations, train.seed), layout))
  );
  const initial = { generator, discriminator: judge.initial() }, held = opened.move();
  return {
    setup,
    initial,
    batch: images.batch,
    async save(folder, weights) {
      const params = tf.tidy(() => unflatten(weights, layout)), loras = { [component]: { adapter, params } };
      await writeLora(join(folder, KOHYA_FILE_NAME), loras, { layout: "kohya", dtype: "F32" });
      await writeLora(join(folder, LORA_FILE_NAME), loras, { layout: "diffusers", dtype: "F32" });
      tf.dispose(params);
    },
    dispose: () => held.dispose(),
  };
}

const sizeOf = ({ data: { resolution } }: PipelineTuneConfig) => ({ height: resolution, width: resolution });

/** The sampler that the configuration names on the pipeline's noise schedule; it clips only if that says so. */
function samplerOf(pipeline: Pipeline, config: PipelineTuneConfig) {
  const { name, steps } = config.sampler;
  const scheduler = { clip_sample: false, ...pipeline.scheduler, _class_name: SAMPLER_CLASSES[name] };
  const sampler = pipeline.sampler(steps, { scheduler, ...sizeOf(config) });
  return tunableSampler(sampler, config, pipeline.className, pipeline.denoiser.predictionType);
}

/** The frozen weights of the denoiser with the LoRA of some tuned weights beside them. */
async function frozenWith(
  pipeline: Pipeline,
  adapter: LoraAdapter,
  layout: Layout,
): Promise<AdtSetup["params"]> {
  const base = await pipeline.params();
  return (weights) => adapter.apply(base, unflatten(weights, layout));
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
