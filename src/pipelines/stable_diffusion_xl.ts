import * as tf from "@tensorflow/tfjs";
import { pixelsPerLatent } from "../models/autoencoder_kl/tiles.ts";
import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import { type Architecture, checkFit, openVae } from "./architecture.ts";
import type { PromptOptions, SizeCondition } from "./prompts.ts";
import { latentChannels, openUNet, unetParts } from "./stable_diffusion.ts";
import { CLIP_LENGTH, openClip, openProjectedClip } from "./text_encoder.ts";

/** Numbers that SDXL is told: original size, crop, target size. */
const NUMBERS = 6;

/** diffusers' StableDiffusionXLPipeline: SDXL's base model. */
export async function stableDiffusionXL(
  { folder, config }: { folder: string; config: Config },
): Promise<Architecture> {
  const first = await openClip(folder, ["text_encoder", "tokenizer"], "penultimate");
  const second = await openProjectedClip(folder, ["text_encoder_2", "tokenizer_2"]);
  const unet = await openUNet(folder), vae = await openVae(folder), { text_time } = unet.model.config;
  if (!text_time) {
    throw new UserError(`${folder}: unet: expected addition_embed_type text_time, as SDXL's is`);
  }
  const numbers = NUMBERS * text_time.addition_time_embed_dim, width = first.width + second.width;
  checkFit(folder, [
    [
      "unet: cross_attention_dim",
      unet.model.config.cross_attention_dim,
      "hidden_size of both text encoders",
      width,
    ],
    [
      "unet: projection_class_embeddings_input_dim",
      text_time.projection_class_embeddings_input_dim,
      `text_encoder_2: projection_dim + ${NUMBERS}·addition_time_embed_dim`,
      second.pooledWidth + numbers,
    ],
    ...latentChannels(unet.model.config, vae.model.config),
  ]);
  const forceZeros = config.force_zeros_for_empty_prompt ?? true;
  const side = unet.model.config.sample_size * pixelsPerLatent(vae.model.config);
  return {
    ...await unetParts(folder, unet),
    vae,
    defaults: { steps: 50, guidanceScale: 5, strength: 0.3 },
    textEncoders: [first, second],
    lengths: () => [first, second].map(({ tokenizer }) => tokenizer.maxLength ?? CLIP_LENGTH),
    zeroNull: ({ negative }) => forceZeros === true && negative === undefined,
    combine: (encoded) => ({
      encoder_hidden_states: tf.concat(encoded.map(({ hidden }) => hidden), 2),
      text_embeds: encoded[1]!.pooled!.clone(),
    }),
    extras(options, isNull) {
      const sizes = isNull ? options.negativeSizes ?? options.sizes : options.sizes;
      return { time_ids: timeIds(options, sizes ?? {}, side) };
    },
  };
}

function timeIds({ height, width }: PromptOptions, sizes: SizeCondition, side: number): number[] {
  const image = [height ?? side, width ?? side] as const;
  const numbers = [...sizes.original ?? image, ...sizes.crop ?? [0, 0], ...sizes.target ?? image];
  if (numbers.length === NUMBERS && numbers.every(Number.isFinite)) return numbers;
  throw new UserError(
    `sizes: expected two numbers each for original, crop and target, got ${JSON.stringify(sizes)}`,
  );
}
