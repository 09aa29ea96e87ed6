import type * as tf from "@tensorflow/tfjs";
import { valueAndGrad } from "../tensor/vjp.ts";

/** Rewards that configurations can name. */
export const REWARD_KINDS = ["picture-text"] as const;
export type RewardKind = typeof REWARD_KINDS[number];

/**
 * A differentiable score of images, that a tuning makes larger along the backward plan that it is given: with `full` as
 * AlignProp (Prabhudesai et al. 2023, arXiv 2310.03739), with `truncated` as DRaFT-K (Clark et al. 2023, arXiv
 * 2309.17400), with `stop-input` as DRTune (Wu et al. 2024, arXiv 2405.00760).
 *
 * @param images [B,H,W,3] in [−1,1]
 * @param wanted what the batch says of each image's caption [B,D], or null where it says nothing
 * @returns the score of each image [B], high is good
 */
export type Reward = (images: tf.Tensor, wanted: tf.Tensor | null) => tf.Tensor;

/** The loss −mean(reward) of images [B,H,W,3], and its gradient in them. */
export function rewardLossAndGradient(
  reward: Reward,
  images: tf.Tensor,
  wanted: tf.Tensor | null,
): { loss: tf.Tensor; gradImage: tf.Tensor } {
  const { value, grads } = valueAndGrad((images) => reward(images, wanted).mean().neg() as tf.Scalar, [
    images,
  ]);
  return { loss: value, gradImage: grads[0]! };
}
