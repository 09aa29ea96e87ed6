/**
 * What both sides of a benchmark read: random weights in diffusers' and transformers' folder layout, and the inputs of
 * each repetition.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { twinDiscriminator } from "../adt/discriminator.ts";
import { dinov2 } from "../models/dinov2/dinov2.ts";
import { unet2DCondition } from "../models/unet2d_condition/unet2d_condition.ts";
import { type Declarations, initParams } from "../nn/declare.ts";
import { startEngine } from "../runtime/engine/engine.ts";
import { normalBatch } from "../runtime/random.ts";
import { drawDiffusionBatch } from "../training/diffusion_batch.ts";
import { saveParams } from "../weights/checkpoint.ts";
import { type Config, readConfig } from "../weights/config.ts";
import { writeTensors } from "../weights/safetensors.ts";
import { download, drawAugmentations, type HostTensors, prefixed } from "./draws.ts";
import type { JobFiles } from "./job.ts";
import { latentsOf } from "./latents.ts";
import { benchmarkSampling, benchmarkSettings, SEED } from "./settings.ts";
import { type BenchmarkSize, judgedBlocks } from "./sizes.ts";

/** Networks to measure instead of random ones: folders. */
export interface GivenModels {
  unet?: string;
  backbone?: string;
}

/**
 * Writes networks with random weights, except those given, and the inputs of repetitions 1 … `repetitions`, into a
 * folder. Computes on WebAssembly, which stays this process's engine.
 *
 * @param size of what is not given; of a given UNet, `tokens` is the number of condition tokens
 * @throws UserError for a given folder whose config is not supported
 */
export async function writeJobFiles(
  folder: string,
  size: BenchmarkSize,
  repetitions: number,
  given: GivenModels = {},
): Promise<JobFiles> {
  await startEngine({ backend: "wasm", precision: "float32" });
  const unetConfig = given.unet ? await readConfig(given.unet) : size.unet;
  const backboneConfig = given.backbone ? await readConfig(given.backbone) : size.backbone;
  const unet = unet2DCondition(unetConfig), backbone = dinov2(backboneConfig);
  const heads = discriminatorHeads(backbone.config.num_hidden_layers, backbone.config.hidden_size);
  const files: JobFiles = {
    unet: given.unet ?? join(folder, "unet"),
    backbone: given.backbone ?? join(folder, "backbone"),
    discriminator: join(folder, "discriminator"),
    inputs: join(folder, "inputs.safetensors"),
  };
  if (!given.unet) await saveRandom(files.unet, unetConfig, unet.declarations, "diffusers");
  if (!given.backbone) {
    await saveRandom(files.backbone, backboneConfig, backbone.declarations, "transformers");
  }
  await saveRandom(files.discriminator, { ...heads.config }, heads.declarations, "diffusers");
  const { sample_size, in_channels, cross_attention_dim } = unet.config;
  await writeTensors(
    files.inputs,
    await drawInputs({
      batch: size.batch,
      side: sample_size,
      channels: in_channels,
      tokens: [size.tokens, cross_attention_dim],
      repetitions,
    }),
  );
  return files;
}

/** The measured discriminator: the cosine score on four blocks' features. */
export function discriminatorHeads(depth: number, width: number) {
  const channels = judgedBlocks(depth).map(() => width);
  return twinDiscriminator({ score: "cosine", channels, width: 64, embedding: 64 });
}

async function saveRandom(
  folder: string,
  config: Config,
  declarations: Declarations,
  kind: "diffusers" | "transformers",
): Promise<void> {
  const params = initParams(declarations, SEED);
  await saveParams(folder, config, params, { dtype: "F32", kind });
  tf.dispose(params);
}

interface InputShape {
  batch: number;
  /** Of the latents. */
  side: number;
  channels: number;
  /** Number and width of the condition tokens. */
  tokens: [number, number];
  repetitions: number;
}

/**
 * Inputs by name: `images` [B,H,W,3] and `tokens` [B,L,D]; and of each repetition n, drawn as step n of `adtStep` draws
 * them, so that an implementation without this project's random numbers can follow: `n.start` [B,h,w,c] of the roll-out,
 * the diffusion loss's `n.noisy`, `n.target` [B,h,w,c] and `n.timesteps` [B], and the augmentations' parameters [B],
 * `n.generator.generated.shiftRow` and so on.
 */
async function drawInputs({ batch, side, channels, tokens, repetitions }: InputShape): Promise<HostTensors> {
  const { autoencoder, imageSide } = latentsOf(channels, side), { schedule } = benchmarkSampling(1);
  const samples = Array.from({ length: batch }, (_, i) => i);
  const imageShape = [imageSide, imageSide, 3] as const;
  const draw = (purpose: string, step: number, shape: readonly number[]) =>
    tf.tensor(normalBatch({ seed: SEED, purpose, step }, samples, shape), [batch, ...shape]);
  const images = tf.tidy(() => draw("benchmark images", 0, imageShape).tanh());
  const condition = draw("benchmark tokens", 0, tokens);
  const tensors: Record<string, tf.Tensor> = { images, tokens: condition };
  for (let n = 1; n <= repetitions; n++) {
    const { noisy, target, timesteps } = tf.tidy(() =>
      drawDiffusionBatch(autoencoder.encode(images), {}, schedule, { seed: SEED, step: n })
    );
    const start = draw("roll-out noise", n, [side, side, channels]);
    Object.assign(tensors, prefixed(`${n}.`, { start, noisy, target, timesteps }));
    const augmentations = drawAugmentations(images.shape, benchmarkSettings(1).augmentation, {
      seed: SEED,
      step: n,
    });
    Object.assign(tensors, prefixed(`${n}.`, augmentations));
  }
  return await download(tensors);
}
