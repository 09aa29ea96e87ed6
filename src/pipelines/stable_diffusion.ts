import { join } from "node:path";
import { unetDenoiser } from "../models/unet2d_condition/denoiser.ts";
import { unet2DCondition } from "../models/unet2d_condition/unet2d_condition.ts";
import { noiseSchedule } from "../sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../sampling/scheduler_config.ts";
import { loadParams } from "../weights/checkpoint.ts";
import { type Architecture, checkFit, lastSteps, openVae } from "./architecture.ts";
import { openNetwork } from "./network.ts";
import { CLIP_LENGTH, openClip } from "./text_encoder.ts";

/** diffusers' StableDiffusionPipeline: Stable Diffusion 1 and 2. */
export async function stableDiffusion({ folder }: { folder: string }): Promise<Architecture> {
  const encoder = await openClip(folder, ["text_encoder", "tokenizer"], "last");
  const unet = await openUNet(folder), vae = await openVae(folder);
  checkFit(folder, [
    [
      "unet: cross_attention_dim",
      unet.model.config.cross_attention_dim,
      "text_encoder: hidden_size",
      encoder.width,
    ],
    ...latentChannels(unet.model.config, vae.model.config),
  ]);
  return {
    ...await unetParts(folder, unet),
    vae,
    defaults: { steps: 50, guidanceScale: 7.5, strength: 0.8 },
    textEncoders: [encoder],
    lengths: () => [encoder.tokenizer.maxLength ?? CLIP_LENGTH],
    zeroNull: () => false,
    combine: ([text]) => ({ encoder_hidden_states: text!.hidden }),
    extras: () => ({}),
  };
}

/** Opens the `unet` folder of a pipeline. */
export function openUNet(folder: string) {
  return openNetwork(folder, "unet", "UNet2DConditionModel", unet2DCondition, loadParams);
}

/** What all pipelines with a UNet share. */
export async function unetParts(folder: string, unet: Awaited<ReturnType<typeof openUNet>>) {
  const scheduler = await readSchedulerConfig(join(folder, "scheduler"));
  return {
    scheduler,
    network: unet,
    denoiser: unetDenoiser(unet.model, noiseSchedule(scheduler).predictionType),
    sampleSize: unet.model.config.sample_size,
    multiple: 2 ** (unet.model.config.block_out_channels.length - 1),
    largest: Infinity,
    firstStep: lastSteps,
    shift: () => undefined,
  };
}

/** The network works on the autoencoder's latents, and on nothing beside them (as inpainting networks do). */
export function latentChannels(
  { in_channels, out_channels }: { in_channels: number; out_channels: number },
  { latent_channels }: { latent_channels: number },
): (readonly [string, number, string, number])[] {
  return [
    ["in_channels of the denoiser", in_channels, "vae: latent_channels", latent_channels],
    ["out_channels of the denoiser", out_channels, "vae: latent_channels", latent_channels],
  ];
}
