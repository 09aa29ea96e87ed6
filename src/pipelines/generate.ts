import * as tf from "@tensorflow/tfjs";
import type { Autoencoder } from "../models/autoencoder.ts";
import type { Condition } from "../sampling/denoiser.ts";
import { finiteImages } from "../sampling/finite_images.ts";
import { sample } from "../sampling/sample.ts";
import { addNoise } from "../sampling/sampler.ts";
import type { Params } from "../tensor/params.ts";
import type { Architecture } from "./architecture.ts";
import { repeatEach, repeatRows } from "./batch.ts";
import {
  type GenerationOptions,
  type GenerationPlan,
  type MakeSampler,
  planGeneration,
} from "./generation_plan.ts";
import type { EncodedPrompts, PromptOptions } from "./prompts.ts";

/** What `generateImages` takes from a pipeline. */
export interface GenerationParts {
  architecture: Architecture;
  params(): Promise<Params>;
  autoencoder(): Promise<Autoencoder>;
  sampler: MakeSampler;
  encodePrompt(prompt: string | readonly string[], options: PromptOptions): Promise<EncodedPrompts>;
}

/**
 * Images [B,H,W,3] in [−1,1] of a pipeline; B = prompts · imagesPerPrompt. All that can be wrong is checked first, but for
 * numbers that are not finite.
 */
export async function generateImages(
  pipeline: GenerationParts,
  options: GenerationOptions,
): Promise<tf.Tensor4D> {
  const { architecture } = pipeline, { signal, onStep, weights } = options;
  const plan = planGeneration(architecture, pipeline.sampler, options), { guidanceScale } = plan;
  const made: tf.TensorContainer[] = [];
  try {
    const encoded = options.encoded ?? await encode(pipeline, plan, options);
    if (encoded !== options.encoded) made.push(encoded.condition, encoded.nullCondition ?? {});
    const condition = repeatRows(encoded.condition, plan.each);
    const nullCondition = guidanceScale > 1 ? nullBatch(encoded.nullCondition!, plan) : {};
    made.push(condition, nullCondition);
    const params = weights?.[architecture.network.name] ?? await pipeline.params();
    const autoencoder = await pipeline.autoencoder(), start = startOf(plan, options, autoencoder);
    made.push(start);
    const end = await sample(architecture.denoiser, params, plan.sampler, start, condition, {
      guidanceScale,
      nullCondition,
      from: plan.from,
      noise: (call) => plan.noise(`sampler noise, call ${call}`, plan.latent),
      signal,
      onStep,
    });
    made.push(end);
    return await finiteImages(tf.tidy(() => oneByOne(end, autoencoder.decode)));
  } finally {
    tf.dispose(made);
  }
}

async function encode(
  pipeline: GenerationParts,
  { height, width, guidanceScale }: GenerationPlan,
  options: GenerationOptions,
): Promise<EncodedPrompts> {
  const sized = { ...options, height, width, guidance: guidanceScale > 1 };
  const encoded = await pipeline.encodePrompt(options.prompt!, sized);
  for (const note of encoded.notes) (options.onNote ?? console.warn)(note);
  return encoded;
}

/** The null condition of all images: batch 1 if it is that of one for several prompts, otherwise batch B. */
function nullBatch(condition: Condition, { prompts, each }: GenerationPlan): Condition {
  const rows = Object.values(condition)[0]!.shape[0]!;
  return repeatRows(condition, rows === prompts ? each : 1);
}

/** The state that sampling starts from [B,h,w,c]: noise, or the image's latents with noise. */
function startOf(
  { sampler, from, latent, batch, noise }: GenerationPlan,
  { latents, image }: GenerationOptions,
  autoencoder: Autoencoder,
): tf.Tensor {
  return tf.tidy(() => {
    const epsilon = latents ?? noise("sampling noise", latent);
    if (!image) return epsilon.mul(sampler.initNoiseSigma);
    const images = image.rank === 3 ? image.expandDims(0) : image;
    const x0 = oneByOne(images, autoencoder.encode);
    return addNoise(sampler, from, repeatEach(x0, batch / x0.shape[0]!), epsilon);
  });
}

/** f of each of a batch, so that no more than one is in memory at a time. */
function oneByOne(x: tf.Tensor, f: (one: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.concat(tf.split(x, x.shape[0]!, 0).map((one) => tf.tidy(() => f(one))), 0);
}
