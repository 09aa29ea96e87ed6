import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { drawPlan } from "../../adt/backward_plan.ts";
import type { AdtBatch, AdtSetup } from "../../adt/setup.ts";
import { imageSide } from "../../experiments/config/image_side.ts";
import type { PipelineTuneConfig } from "../../experiments/tune/config.ts";
import type { Tuning } from "../../experiments/tune/tuning.ts";
import { loadPipeline } from "../../pipelines/load_pipeline.ts";
import { normalBatch } from "../../runtime/random.ts";
import { unflatten } from "../../tensor/params.ts";
import { drawDiffusionBatch } from "../../training/diffusion_batch.ts";
import { saveParams } from "../../weights/checkpoint.ts";
import { writeTensors } from "../../weights/safetensors.ts";
import { download, drawAugmentations, prefixed } from "../draws.ts";
import { IMAGE_STEPS, type ImageNumbers, TIMED_CALLS } from "./image_parts.ts";
import { FILES } from "./job.ts";
import { CAPTION } from "./write_config.ts";

/** The measured step's number, which keys its random numbers. */
export const STEP = 1;

/**
 * Writes what the sides need to do the same: inputs, start values of the LoRA and of the discriminator's heads, and the numbers
 * that configuration and samplers come to.
 */
export async function writeStepFiles(
  folder: string,
  config: PipelineTuneConfig,
  { setup, initial, batch: readBatch, save }: Tuning,
): Promise<void> {
  const { adversary, headLayout } = setup;
  await Deno.mkdir(join(folder, FILES.lora), { recursive: true });
  await save(join(folder, FILES.lora), initial.generator.weights);
  const heads = tf.tidy(() => unflatten(initial.discriminator.weights, headLayout));
  const kind = { dtype: "F32", kind: "diffusers" } as const;
  await saveParams(join(folder, FILES.discriminator), { ...adversary.discriminator.config }, heads, kind);
  tf.dispose(heads);
  const batch = await readBatch(STEP);
  await writeTensors(join(folder, FILES.inputs), await download(stepInputs(setup, batch)));
  const numbers = { ...stepNumbers(config, setup), image: await imageNumbers(config) };
  await Deno.writeTextFile(join(folder, FILES.numbers), JSON.stringify(numbers, null, 2) + "\n");
}

/** How the pipeline makes an image by itself. */
async function imageNumbers({ model, data }: PipelineTuneConfig): Promise<ImageNumbers> {
  const pipeline = await loadPipeline(model.pipeline), { guidanceScale } = pipeline.defaults;
  const { steps } = pipeline.sampler(IMAGE_STEPS, { height: imageSide(data), width: imageSide(data) });
  const path = steps.slice(0, 1 + TIMED_CALLS).map(({ timestep, inputScale }) => ({ timestep, inputScale }));
  return { caption: CAPTION, guidanceScale, calls: steps.length, path };
}

/**
 * Inputs of the step by name, as `adtStep` draws them: `images` [1,H,W,3], `start` [1,h,w,c] of the roll-out, `condition.*` and
 * `null.*`, the diffusion loss's `noisy`, `target`, `timesteps` and `weights`, the augmentations' parameters
 * `generator.generated.shiftRow` and so on. Uses the batch up.
 */
function stepInputs(setup: AdtSetup, batch: AdtBatch): Record<string, tf.Tensor> {
  const { settings, sampler, schedule } = setup, { seed, minSnrGamma } = settings, key = { seed, step: STEP };
  const { images, latents, condition, reference } = batch;
  const [, ...latent] = latents.shape as [number, ...number[]];
  const inputs = tf.tidy(() => {
    const noise = tf.tensor(normalBatch({ ...key, purpose: "roll-out noise" }, [0], latent), latents.shape);
    const { condition: _, ...drawn } = drawDiffusionBatch(latents, {}, schedule, { ...key, minSnrGamma });
    return {
      start: noise.mul(sampler.initNoiseSigma),
      ...drawn,
      ...prefixed("condition.", tf.tidy(() => cloned(condition))),
      ...prefixed("null.", tf.tidy(() => cloned(setup.nullCondition!(condition)))),
    };
  });
  tf.dispose([latents, reference, condition]);
  return { images, ...inputs, ...drawAugmentations(images.shape, settings.augmentation, key) };
}

function cloned(tensors: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, x.clone()]));
}

function stepNumbers(config: PipelineTuneConfig, { sampler, settings }: AdtSetup) {
  const { model, adt: { discriminator } } = config, to = sampler.steps.length;
  return {
    pipeline: model.pipeline,
    backbone: discriminator.backbone,
    blocks: discriminator.blocks,
    side: discriminator.resolution ?? imageSide(config.data),
    path: sampler.steps.map(({ timestep, inputScale, a, b }) => ({ timestep, inputScale, a, b })),
    trained: drawPlan(settings.plan, { from: 0, to }, { seed: settings.seed, step: STEP, group: 0 }).trained,
    settings,
  };
}
