import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { AdtBatch } from "../../adt/setup.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { ImageFacts, ImageFolder } from "../../data/image_folder.ts";
import { makeLoader } from "../../data/loader.ts";
import { openDataset, openImageFolder } from "../../data/open_dataset.ts";
import { openTensorCache } from "../../data/tensor_cache.ts";
import { measured } from "../../display/measured.ts";
import { cacheLatents } from "../../pipelines/encoded_images.ts";
import { emptyCondition } from "../../pipelines/empty_condition.ts";
import { cacheTexts } from "../../pipelines/encoded_texts.ts";
import { keptOutputs } from "../../training/kept_outputs.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { toldSizes } from "../../pipelines/told_sizes.ts";
import { neededCacheFolder } from "../../runtime/cache_folder.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Condition } from "../../sampling/denoiser.ts";
import { imageSide } from "../config/image_side.ts";
import { type PipelineTuneConfig, wholeBatch } from "./config.ts";
import { atResolution, referenceOf } from "./parts.ts";
import type { OpenReward } from "./picture_text_reward.ts";

/** Images with captions as the tuning of a pipeline takes them. */
export interface CaptionedImages {
  /** Reads the batch of step 1, 2, …; the caller disposes its tensors. */
  batch(step: number): Promise<AdtBatch>;
  /** What guidance leads away from; without the numbers that go with an image's size. */
  nullCondition: Condition;
  /** Seconds that it took to fill the cache, scaled up if only some pictures are used; 0 where they are encoded when they come. */
  encodingSeconds: number;
  dispose(): void;
}

/**
 * The pictures of a tuning, with captions; of a folder what is known of each, too, and how many there are if only some are
 * used.
 */
export type CaptionedDataset = { folder: ImageFolder; all: number } | { drawn: Dataset };

/**
 * Opens a tuning's pictures.
 *
 * @param most of a folder's pictures; Infinity if not given
 * @throws UserError as `imageFolder`, and when an image has no caption
 */
export async function captionedDataset(
  { data, train }: PipelineTuneConfig,
  most = Infinity,
): Promise<CaptionedDataset> {
  if (data.kind !== "folder") return { drawn: await openDataset(data, train) };
  const folder = await openImageFolder({ ...data, refuseSmall: true });
  if (folder.images.some(({ caption }) => caption === undefined)) throw noCaptions(data.path);
  const images = folder.images.slice(0, most);
  return { folder: { ...folder, images, size: images.length }, all: folder.size };
}

/**
 * Captioned images for a pipeline. Of a folder, latents and encoded captions come from a cache, which is completed first;
 * where captions are drawn anew in each epoch, they are encoded when they come, and latents stay in memory.
 *
 * @param signal stops the encoding between two images or groups of captions
 * @param wanted what a reward compares pictures with, by their indices
 * @throws UserError as `cacheTexts` and `cacheLatents`
 */
export function captionedImages(
  pipeline: Pipeline,
  dataset: CaptionedDataset,
  config: PipelineTuneConfig,
  { wanted, signal }: { wanted?: OpenReward["wanted"] | undefined; signal?: AbortSignal | undefined } = {},
): Promise<CaptionedImages> {
  return "folder" in dataset
    ? cachedImages(pipeline, dataset, config, signal)
    : drawnImages(pipeline, dataset.drawn, config, wanted);
}

async function cachedImages(
  pipeline: Pipeline,
  { folder, all }: { folder: ImageFolder; all: number },
  { model, data, adt, train }: PipelineTuneConfig,
  signal?: AbortSignal,
): Promise<CaptionedImages> {
  const { pairing, resolution } = adt.discriminator;
  const captions = folder.images.map(({ caption }) => caption!), began = performance.now();
  const cache = await openTensorCache(model.cache ?? join(neededCacheFolder(), "encoded")),
    options = { cache, signal };
  const texts = await measured(
    "encoding captions",
    (onProgress) => cacheTexts(pipeline, captions, { ...options, onProgress }),
  );
  const readLatents = await measured(
    "encoding images",
    (onProgress) => cacheLatents(pipeline, folder, imageSide(data), { ...options, onProgress }),
  ).catch((error) => {
    tf.dispose(texts.nullCondition);
    throw error;
  });
  const encodingSeconds = (performance.now() - began) / 1000 * (all / folder.size);
  const loader = makeLoader(folder, { batchSize: wholeBatch(train), seed: train.seed });
  return {
    nullCondition: texts.nullCondition,
    encodingSeconds,
    async batch(step) {
      const { images: pixels, captions, indices } = await loader.batch(step - 1);
      const sizes = Array.from(indices, (i) => sizesOf(folder.images[i]!));
      const condition = { ...await texts.condition(captions!), ...toldSizes(pipeline, sizes) };
      const images = atResolution(pixels, resolution);
      pixels.dispose();
      return {
        images,
        latents: await readLatents(indices),
        condition,
        reference: referenceOf(images, captions!, pairing),
      };
    },
    dispose: () => tf.dispose(texts.nullCondition),
  };
}

/** Pictures whose captions change, as their denoiser is also trained on them from scratch. */
async function drawnImages(
  pipeline: Pipeline,
  dataset: Dataset,
  { data, adt, train }: PipelineTuneConfig,
  wanted?: OpenReward["wanted"],
): Promise<CaptionedImages> {
  const { pairing, resolution } = adt.discriminator, autoencoder = await pipeline.autoencoder();
  const side = imageSide(data);
  const loader = makeLoader(dataset, { batchSize: wholeBatch(train), seed: train.seed });
  const latents = keptOutputs((images) => tf.tidy(() => autoencoder.encode(images)));
  const nullCondition = await emptyCondition(pipeline);
  return {
    nullCondition,
    encodingSeconds: 0,
    async batch(step) {
      const { images: pixels, captions, indices } = await loader.batch(step - 1);
      const { condition } = await pipeline.encodePrompt(captions!, {
        guidance: false,
        height: side,
        width: side,
      });
      const images = atResolution(pixels, resolution), encoded = await latents(pixels, indices);
      pixels.dispose();
      const reference = referenceOf(images, captions!, pairing);
      return { images, latents: encoded, condition, reference, ...wanted && { wanted: wanted(indices) } };
    },
    dispose: () => tf.dispose(nullCondition),
  };
}

/** What SDXL is told of an image: its size before it was scaled, where it was cropped, and its size now. */
const sizesOf = ({ size: original, crop, target }: ImageFacts) => ({ original, crop, target });

/** A tuning's pictures lack captions. */
export function noCaptions(folder: string): UserError {
  return new UserError(
    `${folder}: the images have no captions; tuning a pipeline needs a metadata.jsonl (or .csv, .parquet) beside them with a ` +
      'line like {"file_name": "a.png", "text": "a photo of a cat"} for each image, or a text file NAME.txt beside each',
  );
}
