import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { AdtBatch } from "../../adt/setup.ts";
import type { ImageFacts, ImageFolder } from "../../data/image_folder.ts";
import { makeLoader } from "../../data/loader.ts";
import { openImageFolder } from "../../data/open_dataset.ts";
import { openTensorCache } from "../../data/tensor_cache.ts";
import { measured } from "../../display/measured.ts";
import { cacheLatents } from "../../pipelines/encoded_images.ts";
import { cacheTexts } from "../../pipelines/encoded_texts.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { toldSizes } from "../../pipelines/told_sizes.ts";
import { cacheFolder } from "../../runtime/cache_folder.ts";
import { UserError } from "../../runtime/errors.ts";
import type { Condition } from "../../sampling/denoiser.ts";
import type { PipelineTuneConfig } from "./config.ts";
import { atResolution, referenceOf } from "./parts.ts";

/** Images with captions as the tuning of a pipeline takes them. */
export interface CaptionedImages {
  /** Reads the batch of step 1, 2, …; the caller disposes its tensors. */
  batch(step: number): Promise<AdtBatch>;
  /** What guidance leads away from; without the numbers that go with an image's size. */
  nullCondition: Condition;
  dispose(): void;
}

/** Opens a folder of images. @throws UserError as `imageFolder`, and when an image has no caption */
export async function captionedFolder(data: PipelineTuneConfig["data"]): Promise<ImageFolder> {
  const folder = await openImageFolder({ ...data, refuseSmall: true });
  if (folder.images.some(({ caption }) => caption === undefined)) throw noCaptions(data.path);
  return folder;
}

/**
 * Captioned images for a pipeline. Latents and encoded captions come from a cache, which is completed first.
 *
 * @param folder from `captionedFolder`
 * @param signal stops the encoding between two images or groups of captions
 * @throws UserError as `cacheTexts` and `cacheLatents`
 */
export async function captionedImages(
  pipeline: Pipeline,
  folder: ImageFolder,
  { model, data, adt, train }: PipelineTuneConfig,
  signal?: AbortSignal,
): Promise<CaptionedImages> {
  const { pairing, resolution } = adt.discriminator;
  const captions = folder.images.map(({ caption }) => caption!);
  const cache = await openTensorCache(model.cache ?? join(cacheFolder(), "encoded")),
    options = { cache, signal };
  const texts = await measured(
    "encoding captions",
    (onProgress) => cacheTexts(pipeline, captions, { ...options, onProgress }),
  );
  const readLatents = await measured(
    "encoding images",
    (onProgress) => cacheLatents(pipeline, folder, data.resolution, { ...options, onProgress }),
  ).catch((error) => {
    tf.dispose(texts.nullCondition);
    throw error;
  });
  const loader = makeLoader(folder, { batchSize: train.batch_size, seed: train.seed });
  return {
    nullCondition: texts.nullCondition,
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

/** What SDXL is told of an image: its size before it was scaled, where it was cropped, and its size now. */
const sizesOf = ({ size: original, crop, target }: ImageFacts) => ({ original, crop, target });

function noCaptions(folder: string): UserError {
  return new UserError(
    `${folder}: the images have no captions; tuning a pipeline needs a metadata.jsonl (or .csv, .parquet) beside them with a ` +
      'line like {"file_name": "a.png", "text": "a photo of a cat"} for each image, or a text file NAME.txt beside each',
  );
}
