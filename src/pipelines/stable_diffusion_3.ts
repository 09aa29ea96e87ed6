import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { sd3Denoiser } from "../models/sd3_transformer/denoiser.ts";
import { sd3Transformer2D } from "../models/sd3_transformer/sd3_transformer.ts";
import { UserError } from "../runtime/errors.ts";
import { dynamicShift } from "../sampling/flow_match_euler.ts";
import { readSchedulerConfig } from "../sampling/scheduler_config.ts";
import { loadParams } from "../weights/checkpoint.ts";
import { type Architecture, checkFit, openVae } from "./architecture.ts";
import type { ModelIndex } from "./model_index.ts";
import { openNetwork } from "./network.ts";
import type { PromptOptions } from "./prompts.ts";
import { latentChannels } from "./stable_diffusion.ts";
import { CLIP_LENGTH, type EncodedTexts, openProjectedClip, openT5 } from "./text_encoder.ts";

/** Tokens of T5's part unless asked for otherwise, and at most. */
const T5_LENGTH = 256, T5_MOST = 512;

/** diffusers' StableDiffusion3Pipeline: SD3 and SD3.5, with T5 or without it. */
export async function stableDiffusion3({ folder, components }: ModelIndex): Promise<Architecture> {
  const first = await openProjectedClip(folder, ["text_encoder", "tokenizer"]);
  const second = await openProjectedClip(folder, ["text_encoder_2", "tokenizer_2"]);
  const t5 = components.includes("text_encoder_3")
    ? [await openT5(folder, ["text_encoder_3", "tokenizer_3"])]
    : [];
  const transformer = await openNetwork(
    folder,
    "transformer",
    "SD3Transformer2DModel",
    sd3Transformer2D,
    loadParams,
  );
  const vae = await openVae(folder), scheduler = await readSchedulerConfig(join(folder, "scheduler"));
  const c = transformer.model.config, pooled = first.pooledWidth + second.pooledWidth;
  checkFit(folder, [
    [
      "transformer: pooled_projection_dim",
      c.pooled_projection_dim,
      "projection_dim of both CLIP encoders",
      pooled,
    ],
    ...t5.map(({ width }) =>
      ["transformer: joint_attention_dim", c.joint_attention_dim, "text_encoder_3: d_model", width] as const
    ),
    ...latentChannels(c, vae.model.config),
  ]);
  if (first.width + second.width > c.joint_attention_dim) {
    throw new UserError(
      `${folder}: the CLIP encoders' tokens are ${first.width} + ${second.width} wide, more than the transformer's ` +
        `joint_attention_dim ${c.joint_attention_dim}`,
    );
  }
  const clipLength = first.tokenizer.maxLength ?? CLIP_LENGTH;
  return {
    scheduler,
    defaults: { steps: 28, guidanceScale: 7, strength: 0.6 },
    network: transformer,
    denoiser: sd3Denoiser(transformer.model),
    vae,
    textEncoders: [first, second, ...t5],
    sampleSize: c.sample_size,
    multiple: c.patch_size,
    largest: c.pos_embed_max_size * c.patch_size,
    lengths: (options) => [clipLength, clipLength, t5Length(options)],
    zeroNull: () => false,
    combine: (encoded, options) => joined(encoded, c.joint_attention_dim, t5Length(options)),
    extras: () => ({}),
    // ⌊max(steps − steps·strength, 0)⌋, which may be one step less than Stable Diffusion's
    firstStep: (steps, strength) => Math.trunc(Math.max(steps - steps * strength, 0)),
    shift: (config, [height, width]) =>
      config.use_dynamic_shifting === true
        ? dynamicShift(config, (height! / c.patch_size) * (width! / c.patch_size))
        : undefined,
  };
}

/**
 * CLIP's tokens side by side, filled up with zeros to the width of T5's, before T5's tokens; both pooled tokens side by
 * side. Without T5, diffusers has zeros for its tokens; here one of them stands for all.
 */
function joined([first, second, t5]: EncodedTexts[], width: number, t5Tokens: number) {
  const clip = tf.concat([first!.hidden, second!.hidden], 2), [batch] = clip.shape as [number];
  const filled = tf.pad(clip, [[0, 0], [0, 0], [0, width - clip.shape[2]!]]);
  const words = t5 ? t5.hidden : tf.zeros([batch, 1, width]);
  return {
    encoder_hidden_states: tf.concat([filled, words], 1),
    pooled_projections: tf.concat([first!.pooled!, second!.pooled!], 1),
    ...(t5 ? {} : { last_token_counts: tf.fill([batch], t5Tokens) }),
  };
}

function t5Length({ maxSequenceLength = T5_LENGTH }: PromptOptions): number {
  if (Number.isInteger(maxSequenceLength) && maxSequenceLength >= 1 && maxSequenceLength <= T5_MOST) {
    return maxSequenceLength;
  }
  throw new UserError(
    `maxSequenceLength: expected a whole number from 1 to ${T5_MOST}, got ${maxSequenceLength}`,
  );
}
