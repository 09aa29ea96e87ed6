import * as tf from "@tensorflow/tfjs";
import { siluDerivative } from "./activations.ts";

export interface GroupNormOptions {
  /** How many equal parts the channels are split into; each is normalised over its channels and all pixels. */
  groups: number;
  /** Added to the variance. */
  eps: number;
  /** Applies SiLU to the normalised values. */
  silu: boolean;
}

/**
 * Group normalisation (Wu & He 2018) of x [B,H,W,C], optionally with SiLU behind it, as one differentiable operation.
 *
 * Saves its arguments and two numbers a group for the backward pass; everything of x's size is computed again. The
 * variance is that of centred values, so it stays accurate where the mean is large.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { groupNorm } from "./group_norm.ts";
 * await tf.setBackend("cpu");
 * const x = tf.randomNormal([2, 7, 7, 32]), options = { groups: 8, eps: 1e-5, silu: true };
 * console.log(groupNorm(x, tf.ones([32]), tf.zeros([32]), options).shape); // [2, 7, 7, 32]
 * ```
 *
 * @param x [B,H,W,C]
 * @param scale factor of the normalised values [C]
 * @param shift added to them [C]
 * @returns [B,H,W,C]
 * @throws Error when the channels do not divide into the groups
 */
export function groupNorm(
  x: tf.Tensor,
  scale: tf.Tensor,
  shift: tf.Tensor,
  options: GroupNormOptions,
): tf.Tensor {
  const { groups, eps, silu } = options;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  if (channels % groups !== 0) {
    throw new Error(`groupNorm(): ${channels} channels do not divide into ${groups} groups`);
  }
  const pixels = height * width, inGroup = channels / groups, count = pixels * inGroup;
  const grouped = [batch, pixels, channels], perGroup = [batch, groups, inGroup];

  /** [B,C] → [B,G,1]: mean over the channels of a group. */
  const groupMean = (v: tf.Tensor) => v.reshape(perGroup).mean(2, true);
  /** [B,G,1] → [B,1,C] */
  const spread = (v: tf.Tensor) => v.tile([1, 1, inGroup]).reshape([batch, 1, channels]);

  return tf.customGrad((...args: unknown[]) => {
    const [x, scale, shift, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const x3 = x.reshape(grouped);
    const mean = groupMean(x3.mean(1));
    const centred = x3.sub(spread(mean));
    const inv = groupMean(centred.square().mean(1)).add(eps).rsqrt();
    const z = centred.mul(spread(inv).mul(scale)).add(shift);
    save([x, scale, shift, mean, inv]);
    return {
      value: (silu ? z.mul(z.sigmoid()) : z).reshape(x.shape),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved),
    };
  })(x, scale, shift);

  function backward(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
    const [x, scale, shift, mean, inv] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const centred = x.reshape(grouped).sub(spread(mean));
    const slope = spread(inv).mul(scale);
    let dz = dy.reshape(grouped);
    if (silu) dz = dz.mul(siluDerivative(centred.mul(slope).add(shift)));
    const sum = dz.sum(1); // Σ dz              [B,C]
    const projection = dz.mul(centred).sum(1).mul(spread(inv).reshape([batch, channels])); // Σ dz·x̂   [B,C]
    const groupSum = (v: tf.Tensor) => v.mul(scale).reshape(perGroup).sum(2, true).div(count);
    const alongX = spread(groupSum(projection).mul(inv.square())); // coefficient of the centred x
    const constant = spread(groupSum(sum).mul(inv));
    const dx = dz.mul(slope).sub(centred.mul(alongX)).sub(constant);
    return [dx.reshape(x.shape), projection.sum(0), sum.sum(0)];
  }
}
