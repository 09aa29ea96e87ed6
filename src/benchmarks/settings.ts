import { digitsAugmentation } from "../adt/augmentation.ts";
import type { AdtSettings } from "../adt/setup.ts";
import { ddim } from "../sampling/ddim.ts";
import { type NoiseSchedule, noiseSchedule } from "../sampling/noise_schedule.ts";
import type { Sampler } from "../sampling/sampler.ts";
import type { AdamWOptions } from "../training/adamw.ts";
import type { LearningRateSchedule } from "../training/schedules.ts";

const SCHEDULER = { clip_sample: false, timestep_spacing: "trailing" };

/** Noise schedule and sampling path of T steps. */
export function benchmarkSampling(steps: number): { schedule: NoiseSchedule; sampler: Sampler } {
  return { schedule: noiseSchedule(SCHEDULER), sampler: ddim(SCHEDULER, steps) };
}

/** Seed of weights, inputs and plans. */
export const SEED = 0;

/**
 * Settings of the measured steps. Every roll-out runs all T steps from pure noise, so that each repetition does the same
 * work: with image-to-image starts, as in a real tuning, a step would take about half of that.
 *
 * @param gradSteps K
 * @param lambdaAdv 0 measures plain diffusion training
 */
export function benchmarkSettings(gradSteps: number, lambdaAdv = 0.1): AdtSettings {
  const optimizer: AdamWOptions & LearningRateSchedule = {
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0.01,
    clipNorm: 1,
    lr: 1e-4,
    warmupSteps: 0,
    schedule: "constant",
  };
  return {
    steps: 1000,
    seed: SEED,
    plan: { kind: "stop-input", steps: gradSteps },
    imageToImage: false,
    startGroups: 1,
    discriminatorHeadStart: 0,
    lambdaAdv,
    lambdaDiffusion: 1,
    advNormCap: null,
    guidanceScale: 1,
    augmentation: { ...digitsAugmentation, noise: 0 }, // the PyTorch side has none
    optimizer,
    discriminatorOptimizer: { ...optimizer, betas: [0, 0.99], weightDecay: 0 },
    emaDecay: 0.99,
  };
}
