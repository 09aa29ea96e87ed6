import type * as tf from "@tensorflow/tfjs";
import type { Autoencoder } from "../models/autoencoder.ts";
import type { Condition, Denoiser } from "../sampling/denoiser.ts";
import type { FlowSchedule } from "../sampling/flow_schedule.ts";
import type { NoiseSchedule } from "../sampling/noise_schedule.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { Layout, Params } from "../tensor/params.ts";
import type { AdamWOptions, Moments } from "../training/adamw.ts";
import type { LearningRateSchedule } from "../training/schedules.ts";
import type { TrainingState } from "../training/training_state.ts";
import type { AugmentationSettings } from "./augmentation.ts";
import type { PlanSettings } from "./backward_plan.ts";
import type { Adversary } from "./discriminator_gradients.ts";
import type { GuidanceRange } from "./guidance_scale.ts";
import type { GuidanceGradient } from "./kinds.ts";
import type { Reward } from "./reward.ts";

/** Numbers that define an adversarial diffusion tuning. */
export interface AdtSettings {
  /** Length of the training with the discriminator's head start, for the learning rate schedules. */
  steps: number;
  /** Fixes all random numbers. */
  seed: number;
  /** Through which network calls the gradient flows. */
  plan: PlanSettings;
  /** Whether roll-outs start at a noised real image at a random step, instead of always at pure noise. */
  imageToImage: boolean;
  /** Parts of a batch, of equal size, that each roll out from a start of their own. */
  startGroups: number;
  /**
   * Parts of a batch, of equal size, that are computed one after the other, for the memory of one: the step is that of the
   * whole. They fit the groups: one number divides the other. Default: 1.
   */
  accumulate?: number;
  /**
   * First steps that train the discriminator alone: its heads start at random, and the network would follow their first,
   * meaningless gradients (this project's choice).
   */
  discriminatorHeadStart: number;
  /** Weight of the adversarial loss, or of the reward; at 0 no roll-out runs and the step is plain diffusion fine-tuning. */
  lambdaAdv: number;
  /** Weight of the diffusion loss. */
  lambdaDiffusion: number;
  /** γ of the min-SNR weights of its timesteps; without it, they count alike. */
  minSnrGamma?: number;
  /**
   * Largest norm of the adversarial gradient, as a multiple of the diffusion loss's; null is no cap. The discriminator's
   * learned scale grows while it trains, and with it its gradient: the cap keeps the two losses in balance (this
   * project's choice; after the adaptive weight of Esser et al. 2021, "Taming transformers", eq. 7).
   */
  advNormCap: number | null;
  /** w of the roll-out's classifier-free guidance, 1 is none; a range is drawn from anew for each group of the batch. */
  guidanceScale: number | GuidanceRange;
  /** Which of guidance's two outputs the adversarial gradient goes through; default: both. */
  guidanceGradient?: GuidanceGradient;
  /** Whether a roll-out's adversarial gradient is divided by its guidance scale, with which it grows. Default: not. */
  divideByGuidanceScale?: boolean;
  /**
   * Weight of the anchor, the mean squared distance of the network's outputs, with and without the condition, from those
   * before the tuning, at the states of the trained calls. Default: 0.
   */
  lambdaAnchor?: number;
  /** Share of the diffusion loss's samples whose condition is left out. Default: 0. */
  conditionDropout?: number;
  /** Of the discriminator's inputs, generated and real. */
  augmentation: AugmentationSettings;
  optimizer: AdamWOptions & LearningRateSchedule;
  discriminatorOptimizer: AdamWOptions & LearningRateSchedule;
  /** Decay of the averaged weights, from the first step on: the start values are already good. */
  emaDecay: number;
}

/** All that an ADT step needs besides its state and its batch. */
export interface AdtSetup {
  /** The tuned network; without guidance, which the settings add. */
  denoiser: Denoiser;
  /**
   * All weights that the denoiser reads, of the tuned ones [P]: these themselves, or frozen ones with a LoRA's factors.
   * Differentiable; called while compiled functions are recorded, so it takes frozen weights as constants.
   */
  params(weights: tf.Tensor): Params;
  /** All weights that the denoiser reads, as they were before the tuning; needed for the anchor. */
  base?(): Params;
  autoencoder: Autoencoder;
  /** Of the diffusion loss. */
  schedule: NoiseSchedule | FlowSchedule;
  /** The inference path that is tuned. */
  sampler: Sampler;
  /** Condition of the unguided half, batch B or 1, for samples of a condition; needed unless the guidance scale is 1, and for dropout. */
  nullCondition?(condition: Condition): Condition;
  /** Discriminator, its features, and its loss. */
  adversary: Adversary;
  /** Says in the discriminator's place how good the ends of roll-outs are; the discriminator then stays as it is. */
  reward?: Reward;
  /** Layout of the discriminator's trained weights. */
  headLayout: Layout;
  settings: AdtSettings;
}

/** What tuning changes, as flat vectors. */
export type AdtState = {
  /** Of the tuned network [P]. */
  generator: TrainingState;
  /** Of the discriminator's trained weights, in the `headLayout`. */
  discriminator: { weights: tf.Tensor1D; moments: Moments };
};

/** Real samples of one step. */
export interface AdtBatch {
  /** [B,H,W,3] in [−1,1]. */
  images: tf.Tensor;
  /** The images' latents x0 [B,h,w,c], which roll-outs start from and the diffusion loss is on. */
  latents: tf.Tensor;
  /** Of each image, batch B. */
  condition: Condition;
  /** Reference of each pair [B,H,W,3]: the images themselves, or others of the same condition. */
  reference: tf.Tensor;
  /** What the reward compares each image with [B,D], where it does. */
  wanted?: tf.Tensor;
}
