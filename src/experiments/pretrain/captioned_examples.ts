import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../../data/dataset.ts";
import { makeLoader } from "../../data/loader.ts";
import { emptyCondition } from "../../pipelines/empty_condition.ts";
import { keptOutputs } from "../../training/kept_outputs.ts";
import type { Pipeline } from "../../pipelines/pipeline.ts";
import { toldSizes } from "../../pipelines/told_sizes.ts";
import { UserError } from "../../runtime/errors.ts";
import { dropCondition } from "../../training/condition_dropout.ts";
import type { Examples } from "../../training/train_denoiser.ts";
import { type SizeRange, varySizes } from "./varied_sizes.ts";

/** How captioned pictures become examples. */
export interface ExampleOptions {
  batchSize: number;
  seed: number;
  /** Share of the captions that are left out, for classifier-free guidance (Ho & Salimans 2022). */
  captionDropout: number;
  /** Varies the pictures' sizes, which are part of the condition. */
  sizes?: SizeRange;
}

/** Where a denoiser's examples come from. */
export interface ExampleSource {
  /** The examples of update number `step` (1, 2, …). */
  examples(step: number): Promise<Examples>;
  dispose(): void;
}

/**
 * Pictures with captions as a pipeline's denoiser is trained on them: encoded by the pipeline's own autoencoder, to the mean
 * of its posterior, and by its text encoders.
 */
export async function captionedExamples(
  pipeline: Pipeline,
  dataset: Dataset,
  { batchSize, seed, captionDropout, sizes }: ExampleOptions,
): Promise<ExampleSource> {
  const loader = makeLoader(dataset, { batchSize, seed }), autoencoder = await pipeline.autoencoder();
  const none = await emptyCondition(pipeline);
  const encode = (images: tf.Tensor4D) => tf.tidy(() => autoencoder.encode(images));
  const latents = keptOutputs(encode);
  return {
    async examples(step) {
      const { images, captions, indices } = await loader.batch(step - 1);
      const varied = sizes && varySizes(images, sizes, { seed, step });
      const encoded = varied ? encode(varied.images) : await latents(images, indices);
      tf.dispose([images, varied?.images ?? []]);
      const texts = await pipeline.encodePrompt(captions!, { guidance: false });
      const whole = { ...texts.condition, ...varied && toldSizes(pipeline, varied.sizes) };
      const condition = dropCondition(whole, none, { share: captionDropout, seed, step });
      tf.dispose([texts.condition, whole]);
      return { latents: encoded, condition };
    },
    dispose: () => tf.dispose(none),
  };
}

/** @throws UserError when the pictures have no captions */
export async function checkCaptions(dataset: Dataset): Promise<void> {
  const { images, captions } = await dataset.get([0]);
  images.dispose();
  if (captions) return;
  throw new UserError(
    "data: these pictures have no captions; this training needs a metadata.jsonl beside them with a line like " +
      '{"file_name": "a.png", "text": "a photo of a cat"} for each',
  );
}
