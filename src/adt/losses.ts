/**
 * Adversarial losses on scores [B] (high = judged real). They share one function: how far a margin m falls short of 1,
 *
 *     hinge           max(0, 1 − m)     (Lim & Ye 2017, "Geometric GAN")
 *     softplus        log(1 + e^−m)     (Goodfellow et al. 2014)
 *     least_squares   ½ (m − 1)²        (Mao et al. 2017, targets ±1)
 *
 * The ADT paper, as far as it could be read, says "adversarial loss" only; hinge as default is this project's choice.
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { AdversarialLoss } from "./kinds.ts";

/**
 * The discriminator's loss: real scores should exceed 1, generated ones fall below −1 (softly for softplus).
 *
 * @param real [B], @param fake [B]
 * @returns scalar: mean shortfall of m = real plus that of m = −fake
 */
export function discriminatorLoss(loss: AdversarialLoss, real: tf.Tensor, fake: tf.Tensor): tf.Scalar {
  return shortfall(loss, real).mean().add(shortfall(loss, fake.neg()).mean());
}

/**
 * The generator's loss: its scores should rise. For hinge that is −mean(fake), without a bound, as usual: the generator
 * keeps its gradient when it is ahead.
 *
 * @param fake [B]
 * @returns scalar
 */
export function generatorLoss(loss: AdversarialLoss, fake: tf.Tensor): tf.Scalar {
  return loss === "hinge" ? fake.neg().mean() : shortfall(loss, fake).mean();
}

/**
 * The loss of either side of a relativistic pairing GAN (Jolicoeur-Martineau 2019; Huang et al. 2024, "The GAN is dead;
 * long live the GAN!"): only the difference of two logits counts. With `softplus` it is RpGAN's own
 * softplus(−difference); `hinge` here asks for a lead of 1 of one logit over the other, on both sides.
 *
 * @param difference [B]: d(real) − d(generated) for the discriminator, d(generated) − d(real) for the generator
 * @returns scalar
 */
export function relativisticLoss(loss: AdversarialLoss, difference: tf.Tensor): tf.Scalar {
  return shortfall(loss, difference).mean();
}

function shortfall(loss: AdversarialLoss, margin: tf.Tensor): tf.Tensor {
  switch (loss) {
    case "hinge":
      return tf.sub(1, margin).relu();
    case "softplus":
      return softplus(margin.neg());
    case "least_squares":
      return margin.sub(1).square().mul(0.5);
  }
}

/**
 * log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), which does not overflow, with its gradient sigmoid(x): the composed
 * gradient would be 0 instead of ½ at x = 0, where equal scores meet.
 */
export function softplus(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    return {
      value: x.relu().add(x.abs().neg().exp().log1p()),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => [dy.mul(saved[0]!.sigmoid())],
    };
  })(x);
}
