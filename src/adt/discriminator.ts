import * as tf from "@tensorflow/tfjs";
import { type Declarations, declare, type Layer } from "../nn/declare.ts";
import { conv2d } from "../nn/layers.ts";
import { UserError } from "../runtime/errors.ts";
import { layerNorm } from "../tensor/layer_norm.ts";
import type { Params } from "../tensor/params.ts";
import type { ScoreKind } from "./kinds.ts";

export interface DiscriminatorConfig {
  score: ScoreKind;
  /** Channels of each patch grid; one head per grid. */
  channels: readonly number[];
  /** Channels between a head's two convolutions. */
  width: number;
  /** Channels of a head's patch embedding. */
  embedding: number;
}

/**
 * What one branch makes of a batch of images: for cosine and difference an embedding [B,h,w,E] per head, for relativistic
 * and single the logits [B], alone in the array. Batch first, so branches may be concatenated and split.
 */
export type Branch = tf.Tensor[];

/** A discriminator without state: weights are an argument of each function. */
export interface TwinDiscriminator {
  readonly config: DiscriminatorConfig;
  readonly declarations: Declarations;
  /** One of the two (equal) branches, on the extractor's patch grids of its images. */
  branch(heads: Params, grids: readonly tf.Tensor[]): Branch;
  /** Scores [B] of the pairs (x_b, reference_b); high = similar, or real. `single` does not look at the reference. */
  score(heads: Params, x: Branch, reference: Branch): tf.Tensor1D;
}

/**
 * The twin discriminator of ADT (Shen et al. 2025, arXiv 2504.11423): both images of a pair go through the same frozen
 * features f_i and the same light convolutional heads h_i. This project's choices, where the paper could not be read: a
 * head is a normalisation of each patch's features, 1×1 convolution, leaky ReLU, 3×3 convolution; every filter is
 * divided by its norm (weight normalisation, Salimans & Kingma 2016, without the gain). Unlike spectral normalisation
 * that needs no power-iteration state, so a score is a pure function of weights and images, and it still bounds each
 * layer. One learned scale and, where it does not cancel, one learned offset turn the mean over heads and patches into
 * the score.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { twinDiscriminator } from "./discriminator.ts";
 * const twin = twinDiscriminator({ score: "cosine", channels: [12, 12], width: 8, embedding: 8 });
 * const heads = initParams(twin.declarations, 0);
 * const branch = twin.branch(heads, [tf.ones([2, 7, 7, 12]), tf.ones([2, 7, 7, 12])]);
 * console.log(twin.score(heads, branch, branch).shape); // [2]
 * ```
 */
export function twinDiscriminator(config: DiscriminatorConfig): TwinDiscriminator {
  const { score, channels } = config, declarations: Declarations = {};
  const heads = channels.map((count, i) => head(declarations, `heads.${i}`, count, config));
  const calibrate = calibration(declarations, config);
  const embeddings = (params: Params, grids: readonly tf.Tensor[]) => {
    checkGrids(grids, channels);
    return heads.map(({ embed }, i) => embed(params, grids[i]!));
  };
  const logits = (params: Params, grids: readonly tf.Tensor[]) => [
    calibrate(
      params,
      meanOf(embeddings(params, grids).map((e, i) => heads[i]!.project(params, leakyRelu(e)))),
    ),
  ];
  switch (score) {
    case "cosine":
      return {
        config,
        declarations,
        branch: (params, grids) => embeddings(params, grids).map(unitVectors),
        score: (params, x, r) => calibrate(params, meanOf(x.map((e, i) => e.mul(r[i]!).sum(-1)))),
      };
    case "difference":
      return {
        config,
        declarations,
        branch: embeddings,
        score: (params, x, r) =>
          calibrate(params, meanOf(x.map((e, i) => heads[i]!.project(params, magnitude(e.sub(r[i]!)))))),
      };
    case "relativistic":
      return { config, declarations, branch: logits, score: (_, x, r) => x[0]!.sub(r[0]!) };
    case "single":
      return { config, declarations, branch: logits, score: (_, x) => x[0] as tf.Tensor1D };
  }
}

interface Head {
  /** [B,h,w,C] → [B,h,w,E] */
  embed: Layer;
  /** [B,h,w,E] → [B,h,w,1] */
  project: Layer;
}

function head(d: Declarations, name: string, channels: number, config: DiscriminatorConfig): Head {
  const { width, embedding, score } = config;
  const inner = unitConv2d(d, `${name}.conv1`, { in: channels, out: width, kernel: 1, bias: true });
  const bias = score !== "difference"; // there it would cancel
  const outer = unitConv2d(d, `${name}.conv2`, { in: width, out: embedding, kernel: 3, bias });
  const project = score === "cosine"
    ? (_: Params, x: tf.Tensor) => x
    : unitConv2d(d, `${name}.project`, { in: embedding, out: 1, kernel: 1, bias: false });
  return {
    embed: (params, x) => outer(params, leakyRelu(inner(params, normaliseFeatures(x)))),
    project,
  };
}

/** A convolution whose filters are divided by their norms. */
function unitConv2d(
  d: Declarations,
  name: string,
  size: { in: number; out: number; kernel: number; bias: boolean },
): Layer {
  const convolve = conv2d(d, name, size), weight = `${name}.weight`;
  return (params, x) => convolve({ ...params, [weight]: unitFilters(params[weight]!) }, x);
}

/** Weight HWIO with each output channel's filter at norm 1. */
function unitFilters(weight: tf.Tensor): tf.Tensor {
  return weight.mul(weight.square().sum([0, 1, 2], true).add(1e-12).rsqrt());
}

/**
 * value·e^log_scale + offset. The start makes both margins of a hinge reachable: a cosine of ½ and a mean difference of
 * about ½ per channel score 0.
 */
function calibration(d: Declarations, { score, embedding }: DiscriminatorConfig) {
  const start = {
    cosine: { scale: 4, offset: -2 },
    difference: { scale: 2 / Math.sqrt(embedding), offset: 1 },
    relativistic: { scale: 1, offset: null }, // an offset would cancel
    single: { scale: 1, offset: 0 },
  }[score];
  const constant = (name: string, value: number) => declare(d, name, [], { kind: "constant", value });
  const logScale = constant("score.log_scale", Math.log(start.scale));
  const offset = start.offset === null ? null : constant("score.offset", start.offset);
  return (params: Params, value: tf.Tensor): tf.Tensor1D => {
    const scaled = value.mul(logScale(params).exp()) as tf.Tensor1D;
    return offset ? scaled.add(offset(params)) : scaled;
  };
}

/** Mean over heads of the mean over patches: heads' [B,h,w] or [B,h,w,1] → [B]. */
function meanOf(heads: readonly tf.Tensor[]): tf.Tensor {
  const means = heads.map((x) => x.reshape([x.shape[0]!, -1]).mean(1));
  return tf.addN(means).div(means.length);
}

/** Each patch's features to mean 0 and variance 1 over the channels: blocks of a network differ much in magnitude. */
function normaliseFeatures(x: tf.Tensor): tf.Tensor {
  const channels = x.shape.at(-1)!;
  return layerNorm(x, tf.ones([channels]), tf.zeros([channels]), 1e-5);
}

function unitVectors(x: tf.Tensor): tf.Tensor {
  return x.mul(x.square().sum(-1, true).add(1e-8).rsqrt());
}

/** tf.leakyRelu has no second derivative; relu has. */
function leakyRelu(x: tf.Tensor): tf.Tensor {
  return x.relu().sub(x.neg().relu().mul(0.2));
}

/** |x| with gradient 0 at 0, where equal images meet; that of tf.abs is −1 there. */
function magnitude(x: tf.Tensor): tf.Tensor {
  return x.relu().add(x.neg().relu());
}

function checkGrids(grids: readonly tf.Tensor[], channels: readonly number[]): void {
  const given = grids.map((grid) => grid.shape.at(-1));
  if (given.length === channels.length && given.every((count, i) => count === channels[i])) return;
  throw new UserError(
    `the feature extractor gives patch grids of ${
      given.join(", ")
    } channels, the discriminator was made for ` +
      `${channels.join(", ")}; make it with the extractor's channels`,
  );
}
