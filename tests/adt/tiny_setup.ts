import * as tf from "@tensorflow/tfjs";
import { digitsAugmentation } from "../../src/adt/augmentation.ts";
import { twinDiscriminator } from "../../src/adt/discriminator.ts";
import type { AdtBatch, AdtSettings, AdtSetup, AdtState } from "../../src/adt/setup.ts";
import { spaceToDepth } from "../../src/models/autoencoder.ts";
import type { FeatureExtractor } from "../../src/models/feature_extractor.ts";
import { unetDenoiser } from "../../src/models/unet2d_condition/denoiser.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition/unet2d_condition.ts";
import { initParams } from "../../src/nn/declare.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import { noiseSchedule } from "../../src/sampling/noise_schedule.ts";
import { flatten, layoutOf, unflatten } from "../../src/tensor/params.ts";
import { zeroMoments } from "../../src/training/adamw.ts";
import { classTokens } from "../../src/training/class_tokens.ts";
import { initialState } from "../../src/training/training_state.ts";
import { random } from "../tensor/parity.ts";

/** How large the tuning of a test is. */
export interface Size {
  /** Side of an image in pixels; even. */
  side?: number;
  batch?: number;
  /** Width of the network; even. */
  channels?: number;
  /** Sampling steps T. */
  steps?: number;
}

const CLASSES = 3;

/** A tuning of a network of one level, with features of two convolutions in place of a backbone's. */
export function tinyTuning(changes: Partial<AdtSettings> = {}, size: Size = {}) {
  const { side = 8, batch = 2, channels = 4, steps = 4 } = size;
  const unet = unet2DCondition({
    in_channels: 4,
    out_channels: 4,
    block_out_channels: [channels],
    down_block_types: ["DownBlock2D"],
    up_block_types: ["UpBlock2D"],
    layers_per_block: 1,
    norm_num_groups: 2,
    cross_attention_dim: CLASSES + 1,
    attention_head_dim: 2,
  });
  const discriminator = twinDiscriminator({
    score: "relativistic",
    channels: [5, 4],
    width: 6,
    embedding: 6,
  });
  const scheduler = { clip_sample: false, timestep_spacing: "trailing", beta_end: 0.002 };
  const layout = shapesOf(unet.declarations), headLayout = shapesOf(discriminator.declarations);
  const optimizer = { betas: [0.5, 0.9] as [number, number], eps: 1e-3, weightDecay: 0, clipNorm: 1 };
  const rate = { lr: 1e-3, warmupSteps: 0, schedule: "constant" } as const;
  const extractor = convolutions();
  const autoencoder = spaceToDepth(2), nullTokens = classTokens([-1], CLASSES);
  const base = initParams(unet.declarations, 3);
  const setup: AdtSetup = {
    denoiser: unetDenoiser(unet, "epsilon"),
    params: (weights) => unflatten(weights, layout),
    base: () => base,
    autoencoder,
    schedule: noiseSchedule(scheduler),
    sampler: ddim(scheduler, steps),
    nullCondition: () => nullTokens,
    adversary: { discriminator, extractor: extractor.extractor, loss: "softplus", fill: -1 },
    headLayout,
    settings: {
      steps: 50,
      seed: 1,
      plan: { kind: "stop-input", steps: 2 },
      imageToImage: true,
      startGroups: 2,
      discriminatorHeadStart: 0,
      lambdaAdv: 0.1,
      advNormCap: null,
      lambdaDiffusion: 1,
      guidanceScale: 1,
      augmentation: { ...digitsAugmentation, shift: 1, cutout: { size: 2, probability: 0.5 } },
      optimizer: { ...optimizer, ...rate },
      discriminatorOptimizer: { ...optimizer, ...rate },
      emaDecay: 0.9,
      ...changes,
    },
  };
  const labels = Array.from({ length: batch }, (_, i) => i % CLASSES);
  const images = tf.tidy(() => random([batch, side, side, 1], 7).tanh().tile([1, 1, 1, 3]));
  const data: AdtBatch = {
    images,
    latents: tf.tidy(() => autoencoder.encode(images)),
    condition: classTokens(labels, CLASSES),
    reference: images.clone(),
  };
  return {
    setup,
    batch: data,
    /** A state to start from, the same each time. */
    start: (): AdtState =>
      tf.tidy(() => ({
        generator: initialState(flatten(base, layout)),
        discriminator: {
          weights: flatten(initParams(discriminator.declarations, 4), headLayout),
          moments: zeroMoments(headLayout.length),
        },
      })),
    dispose: () => tf.dispose([nullTokens, base, { ...data }, ...extractor.weights]),
  };
}

function shapesOf(declarations: Record<string, { shape: readonly number[] }>) {
  return layoutOf(Object.fromEntries(Object.entries(declarations).map(([name, { shape }]) => [name, shape])));
}

/** Two patch grids, [B,h/2,w/2,5] and [B,h/4,w/4,4]. */
function convolutions(): { extractor: FeatureExtractor; weights: tf.Tensor[] } {
  const weights = tf.tidy(() => [random([3, 3, 3, 5], 100).mul(0.3), random([3, 3, 5, 4], 101).mul(0.3)]);
  const layer = (x: tf.Tensor, weight: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, weight as tf.Tensor4D, 2, "same").tanh();
  return {
    weights,
    extractor: {
      patchGrids(images) {
        const first = layer(images, weights[0]!);
        return [first, layer(first, weights[1]!)];
      },
    },
  };
}
