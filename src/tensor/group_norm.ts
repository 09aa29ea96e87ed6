import type * as tf from "@tensorflow/tfjs";
import { siluDerivative } from "./activations.ts";
import { fusedOp } from "./fused_op.ts";
import { type Attributes, defineOperation } from "./operation.ts";
import { consume, squaredDifference } from "./raw_ops.ts";
import { isTapeOn } from "./tape.ts";

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
 * variance is that of centred values: E[x²] − E[x]² would lose it where the mean is large.
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
  const { groups, eps, silu } = options, channels = x.shape.at(-1)!;
  if (channels % groups !== 0) {
    throw new Error(`groupNorm(): ${channels} channels do not divide into ${groups} groups`);
  }
  return GROUP_NORM({ x, scale, shift }, { groups, eps, silu });
}

const GROUP_NORM = defineOperation<"x" | "scale" | "shift", "mean" | "inv">({
  name: "GroupNorm",
  differentiable: ["x", "scale", "shift"],
  saves: ["x", "scale", "shift"],
  keeps: ["mean", "inv"],
  forward({ x, scale, shift }, attributes) {
    const { rows, spread } = layout(x, attributes);
    const { mean, inv } = statistics(x, attributes), slope = spread(inv).mul(scale);
    const z = affine(rows(x), slope, shift.sub(spread(mean).mul(slope)));
    const y = attributes.silu ? consume((z, s) => z!.mul(s!), z, z.sigmoid()) : z;
    return [y.reshape(x.shape), mean, inv];
  },
  backward(inputs, attributes) {
    const { dy, x, scale, shift } = inputs;
    const { batch, channels, count, rows, spread, grouped } = layout(x, attributes);
    const { mean, inv } = isTapeOn() ? statistics(x, attributes) : inputs;
    const centred = rows(x).sub(spread(mean)), slope = spread(inv).mul(scale);
    const dz = activationGradient(rows(dy), centred, slope, shift, attributes);
    const sum = dz.sum(1); // Σ dz                                                          [B,C]
    const projection = consume((products) => products.sum(1), dz.mul(centred)) // Σ dz·x̂  [B,C]
      .mul(spread(inv).reshape([batch, channels]));
    const groupSum = (v: tf.Tensor) => grouped(v.mul(scale)).sum(2, true).div(count);
    const alongX = spread(groupSum(projection).mul(inv.square())); // factor of the centred x
    const constant = spread(groupSum(sum).mul(inv));
    const difference = consume(
      (own, along) => own!.sub(along!),
      consume((dz) => dz.mul(slope), dz),
      consume((centred) => centred.mul(alongX), centred),
    );
    const dx = consume((difference) => difference.sub(constant), difference);
    return [dx.reshape(x.shape), projection.sum(0), sum.sum(0)];
  },
  fused: {
    forward({ x, scale, shift }, attributes) {
      const statistic = [x.shape[0]!, attributes.groups as number, 1];
      return fusedOp("GroupNorm", { ...attributes, U: "float32" }, [x, scale, shift], [
        x.shape,
        statistic,
        statistic,
      ]);
    },
    backward: ({ x, scale, shift, mean, inv, dy }, attributes) =>
      fusedOp("GroupNormGrad", attributes, [x, scale, shift, mean, inv, dy], [
        x.shape,
        scale.shape,
        scale.shape,
      ]),
  },
});

/** ∂L/∂z of z = centred·slope + shift, from dy = ∂L/∂silu(z), or ∂L/∂z itself. */
function activationGradient(
  dy: tf.Tensor,
  centred: tf.Tensor,
  slope: tf.Tensor,
  shift: tf.Tensor,
  { silu }: Attributes,
): tf.Tensor {
  if (!silu) return dy;
  return consume((d) => dy.mul(d), consume(siluDerivative, affine(centred, slope, shift)));
}

/** x·slope + shift */
function affine(x: tf.Tensor, slope: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  return consume((product) => product.add(shift), x.mul(slope));
}

/** Each group's mean and 1/√(variance + ε), [B,G,1]. */
function statistics(x: tf.Tensor, attributes: Attributes) {
  const { rows, spread, grouped } = layout(x, attributes);
  const mean = grouped(rows(x).mean(1)).mean(2, true);
  const squares = squaredDifference(rows(x), spread(mean));
  const variance = grouped(consume((squares) => squares.mean(1), squares)).mean(2, true);
  return { mean, inv: variance.add(attributes.eps as number).rsqrt() };
}

/** How the numbers of x [B,H,W,C] lie in G groups. */
function layout(x: tf.Tensor, attributes: Attributes) {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const groups = attributes.groups as number, inGroup = channels / groups, pixels = height * width;
  return {
    batch,
    channels,
    /** Numbers in a group. */
    count: pixels * inGroup,
    /** [B,H,W,C] → [B,HW,C] */
    rows: (v: tf.Tensor) => v.reshape([batch, pixels, channels]),
    /** [B,1,C] → [B,G,C/G] */
    grouped: (v: tf.Tensor) => v.reshape([batch, groups, inGroup]),
    /** [B,G,1] → [B,1,C] */
    spread: (v: tf.Tensor) => v.tile([1, 1, inGroup]).reshape([batch, 1, channels]),
  };
}
