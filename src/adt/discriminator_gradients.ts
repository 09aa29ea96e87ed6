/**
 * The two gradients of an adversarial step: of the generator's loss with respect to the generated images, and of the
 * discriminator's loss with respect to its weights. Pure functions of tensors, so both can be compiled.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { FeatureExtractor } from "../models/feature_extractor.ts";
import { UserError } from "../runtime/errors.ts";
import type { Params } from "../tensor/params.ts";
import { valueAndGrad, vjp } from "../tensor/vjp.ts";
import { augment, type AugmentationParameters, type AugmentationSettings } from "./augmentation.ts";
import type { TwinDiscriminator } from "./discriminator.ts";
import type { AdversarialLoss } from "./kinds.ts";
import { discriminatorLoss, generatorLoss, relativisticLoss } from "./losses.ts";

/** All that judges images, apart from the trainable weights. */
export interface Adversary {
  discriminator: TwinDiscriminator;
  /** The frozen backbone; or, to train the backbone too, a function that makes it from the trainable weights. */
  extractor: FeatureExtractor | ((weights: Params) => FeatureExtractor);
  loss: AdversarialLoss;
  /** What augmentation brings into view; see `AugmentationSettings`. */
  fill: AugmentationSettings["fill"];
}

/** Images [B,H,W,3] in [-1,1] and what augmentation does to each. */
export interface AugmentedImages {
  images: tf.Tensor;
  augmentation: AugmentationParameters<tf.Tensor1D>;
}

/**
 * The generator's adversarial loss on pairs (generated, real) and its gradient through discriminator, backbone, resize and
 * augmentation. The real branch is a constant: it goes through without a tape.
 *
 * @param weights of the heads (and of the backbone, where it is trained); constants here
 * @returns loss (scalar), gradImage [B,H,W,3], score [B] of the pairs
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { initParams } from "../nn/declare.ts";
 * import { twinDiscriminator } from "./discriminator.ts";
 * import { type Adversary, adversarialLossAndGradient } from "./discriminator_gradients.ts";
 * const discriminator = twinDiscriminator({ score: "relativistic", channels: [3], width: 8, embedding: 8 });
 * const extractor = { patchGrids: (images: tf.Tensor) => [images as tf.Tensor4D] };
 * const adversary: Adversary = { discriminator, extractor, loss: "softplus", fill: "border" };
 * const of = (images: tf.Tensor) => ({ images, augmentation: {} });
 * const generated = of(tf.randomNormal([2, 8, 8, 3])), real = of(tf.randomNormal([2, 8, 8, 3]));
 * const heads = initParams(discriminator.declarations, 0);
 * console.log(adversarialLossAndGradient(adversary, heads, generated, real).gradImage.shape); // [2, 8, 8, 3]
 * ```
 */
export function adversarialLossAndGradient(
  adversary: Adversary,
  weights: Params,
  generated: AugmentedImages,
  real: AugmentedImages,
): { loss: tf.Tensor; gradImage: tf.Tensor; score: tf.Tensor } {
  const { discriminator, loss, fill } = adversary;
  const lossOf = (score: tf.Tensor) =>
    discriminator.config.score === "relativistic"
      ? relativisticLoss(loss, score)
      : generatorLoss(loss, score);
  const branch = (images: tf.Tensor, { augmentation }: AugmentedImages) =>
    discriminator.branch(
      weights,
      extractorOf(adversary, weights).patchGrids(augment(images, augmentation, fill)),
    );
  return tf.tidy(() => {
    const reference = discriminator.config.score === "single" ? [] : branch(real.images, real);
    const scoreOf = (images: tf.Tensor) => discriminator.score(weights, branch(images, generated), reference);
    const { value: score, grads } = vjp(scoreOf, [generated.images], (score) => gradientOf(lossOf, score));
    return { loss: lossOf(score), gradImage: grads[0]!, score };
  });
}

/** Images for one update of the discriminator; all three of the same batch size. */
export interface DiscriminatorBatch {
  generated: AugmentedImages;
  /** The reference of both pairs. */
  real: AugmentedImages;
  /**
   * The other image of the positive pair, for the scores cosine and difference: the real image itself under an
   * augmentation of its own, or another real image of the same condition.
   */
  positive?: AugmentedImages;
}

/**
 * The discriminator's loss and its gradient: pairs (positive, real) should score high, pairs (generated, real) low. The
 * scores relativistic and single need no positive pair: they compare the logits of real and generated images.
 *
 * @param weights of the heads (and of the backbone, where it is trained)
 * @returns loss (scalar); gradients by weight; scoreReal and scoreFake [B]: the two pairs' scores, or for relativistic and
 * single the logits of real and generated images
 * @throws UserError if a score that needs positive pairs gets none
 */
export function discriminatorLossAndGradient(
  adversary: Adversary,
  weights: Params,
  batch: DiscriminatorBatch,
): { loss: tf.Tensor; gradients: Params; scoreReal: tf.Tensor; scoreFake: tf.Tensor } {
  const { discriminator, extractor, loss } = adversary, { score } = discriminator.config;
  const lossOf = (scores: tf.Tensor) => {
    const [real, fake] = tf.unstack(scores) as [tf.Tensor, tf.Tensor];
    return score === "relativistic"
      ? relativisticLoss(loss, real.sub(fake))
      : discriminatorLoss(loss, real, fake);
  };
  return tf.tidy(() => {
    const images = augmentedBatch(batch, needsPositive(adversary), adversary.fill);
    const frozen = typeof extractor !== "function";
    const features = frozen ? extractor.patchGrids(images) : null;
    const names = Object.keys(weights);
    const scoresOf = (...tensors: tf.Tensor[]) => {
      const current = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      const grids = features ?? extractorOf(adversary, current).patchGrids(images);
      return pairScores(discriminator, current, grids, batch.real.images.shape[0]!);
    };
    const { value, grads } = vjp(scoresOf, Object.values(weights), (scores) => gradientOf(lossOf, scores), {
      unconnected: frozen ? "error" : "zeros", // a backbone's last layers may lie behind the last patch grid
    });
    const [scoreReal, scoreFake] = tf.unstack(value) as [tf.Tensor, tf.Tensor];
    const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
    return { loss: lossOf(value), gradients, scoreReal, scoreFake };
  });
}

function extractorOf({ extractor }: Adversary, weights: Params): FeatureExtractor {
  return typeof extractor === "function" ? extractor(weights) : extractor;
}

function gradientOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  return valueAndGrad(f, [x]).grads[0]!;
}

function needsPositive({ discriminator }: Adversary): boolean {
  return ["cosine", "difference"].includes(discriminator.config.score);
}

/** Generated, real and, if needed, positive images, augmented, in one batch. */
function augmentedBatch(
  { generated, real, positive }: DiscriminatorBatch,
  withPositive: boolean,
  fill: Adversary["fill"],
): tf.Tensor4D {
  if (withPositive && !positive) {
    throw new UserError(
      "this discriminator scores pairs: give batch.positive, the real images under another augmentation or other real " +
        "images of the same condition",
    );
  }
  const parts = withPositive ? [generated, real, positive!] : [generated, real];
  return tf.concat(parts.map(({ images, augmentation }) => augment(images, augmentation, fill)), 0);
}

/** [2,B]: scores of the real and of the generated side, from the grids of `augmentedBatch`. */
function pairScores(
  discriminator: TwinDiscriminator,
  weights: Params,
  grids: readonly tf.Tensor[],
  batch: number,
): tf.Tensor {
  const branch = discriminator.branch(weights, grids);
  const [generated, real, positive] = splitBranch(branch, batch);
  if (!positive) return tf.stack([real![0]!, generated![0]!]);
  return tf.stack([
    discriminator.score(weights, positive, real!),
    discriminator.score(weights, generated!, real!),
  ]);
}

function splitBranch(branch: readonly tf.Tensor[], batch: number): tf.Tensor[][] {
  const parts = branch.map((x) => tf.split(x, x.shape[0]! / batch, 0));
  return parts[0]!.map((_, i) => parts.map((part) => part[i]!));
}
