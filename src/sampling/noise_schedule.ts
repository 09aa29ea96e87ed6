import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import type { PredictionType } from "./denoiser.ts";
import { MOST_TIMESTEPS, off, parseScheduler, setting } from "./scheduler_config.ts";
import { currentWords } from "./scheduler_keys.ts";

/**
 * How much signal is left at each of the training timesteps 0 … N−1, and what the network learnt to predict.
 */
export interface NoiseSchedule {
  predictionType: PredictionType;
  /** ᾱ_t, so that x_t = √ᾱ_t·x0 + √(1−ᾱ_t)·ε. Falls with t. [N] */
  alphasCumprod: Float64Array;
}

/** Settings shared by all of diffusers' schedulers over discrete betas, with diffusers' defaults. */
const SCHEDULE = z.object({
  num_train_timesteps: setting(z.int().min(1).max(MOST_TIMESTEPS), 1000),
  beta_start: setting(z.number().gt(0).lt(1), 0.0001),
  beta_end: setting(z.number().gt(0).lt(1), 0.02),
  beta_schedule: setting(z.enum(["linear", "scaled_linear", "squaredcos_cap_v2"]), "linear"),
  trained_betas: z.array(z.unknown()).min(1).max(MOST_TIMESTEPS).pipe(z.array(z.number().gt(0).max(1)))
    .nullish(),
  prediction_type: setting(z.enum(["epsilon", "v_prediction", "sample"]), "epsilon"),
  rescale_betas_zero_snr: setting(z.boolean(), false),
  thresholding: off,
});

type ScheduleSettings = z.output<typeof SCHEDULE>;

/**
 * The noise schedule of a diffusers `scheduler_config.json`.
 *
 * ```ts
 * import { noiseSchedule } from "./noise_schedule.ts";
 * const { alphasCumprod } = noiseSchedule({ beta_schedule: "squaredcos_cap_v2" });
 * console.log(alphasCumprod.length, alphasCumprod[0]! > 0.999); // 1000 true
 * ```
 *
 * @throws UserError that names every value that is not supported.
 */
export function noiseSchedule(config: Config): NoiseSchedule {
  const settings = parseScheduler(SCHEDULE, currentWords(config));
  const alphasCumprod = cumulativeProduct(betas(settings));
  return {
    predictionType: settings.prediction_type,
    alphasCumprod: settings.rescale_betas_zero_snr ? rescaleToZeroSnr(alphasCumprod) : alphasCumprod,
  };
}

/** α_t = √ᾱ_t and σ_t = √(1−ᾱ_t) of integer timesteps: the two factors of x_t for each sample of a batch. */
export function alphaSigma(
  schedule: NoiseSchedule,
  timesteps: ArrayLike<number>,
): { alpha: Float32Array; sigma: Float32Array } {
  const alpha = new Float32Array(timesteps.length), sigma = new Float32Array(timesteps.length);
  for (let i = 0; i < timesteps.length; i++) {
    const cumprod = schedule.alphasCumprod[timesteps[i]!];
    if (cumprod === undefined) {
      throw new RangeError(
        `timestep ${timesteps[i]} is not an integer from 0 to ${schedule.alphasCumprod.length - 1}`,
      );
    }
    alpha[i] = Math.sqrt(cumprod);
    sigma[i] = Math.sqrt(1 - cumprod);
  }
  return { alpha, sigma };
}

/**
 * Checks that the network's output says what the clean image is at each of these timesteps: a network that predicts the
 * noise does not where ᾱ = 0.
 *
 * @throws UserError that says what to use instead.
 */
export function requireSignal(
  { predictionType, alphasCumprod }: NoiseSchedule,
  timesteps: readonly number[],
): void {
  const lost = timesteps.find((t) => alphasCumprod[t] === 0);
  if (lost === undefined || predictionType !== "epsilon") return;
  throw new UserError(
    `at timestep ${lost} nothing of the image is left (zero terminal SNR), so prediction_type ${predictionType} cannot ` +
      "say what it is; use v_prediction or sample, or timesteps that do not reach the last one",
  );
}

function betas(
  { trained_betas, beta_schedule, beta_start, beta_end, num_train_timesteps: n }: ScheduleSettings,
) {
  if (trained_betas) return Float64Array.from(trained_betas);
  switch (beta_schedule) {
    case "linear":
      return linspace(beta_start, beta_end, n);
    case "scaled_linear":
      return linspace(Math.sqrt(beta_start), Math.sqrt(beta_end), n).map((b) => Math.fround(b) ** 2);
    case "squaredcos_cap_v2":
      return Float64Array.from(
        { length: n },
        (_, i) => Math.min(1 - cosine((i + 1) / n) / cosine(i / n), 0.999),
      );
  }
}

/** ᾱ of the cosine schedule at u in [0, 1] (Nichol & Dhariwal 2021, eq. 17). */
function cosine(u: number): number {
  return Math.cos((u + 0.008) / 1.008 * Math.PI / 2) ** 2;
}

/** Rounded to single precision where PyTorch rounds: the last digits decide at which timestep a σ of Karras's is looked up. */
function cumulativeProduct(betas: Float64Array): Float64Array {
  let product = 1;
  return betas.map((beta) => Math.fround(product *= Math.fround(1 - Math.fround(beta))));
}

/** Shifts and scales √ᾱ so that the last is 0 and the first stays (Lin et al. 2023, algorithm 1). */
function rescaleToZeroSnr(alphasCumprod: Float64Array): Float64Array {
  const first = Math.sqrt(alphasCumprod[0]!), last = Math.sqrt(alphasCumprod.at(-1)!);
  return alphasCumprod.map((a) => ((Math.sqrt(a) - last) * first / (first - last)) ** 2);
}

/** n numbers from `start` to `end`, both included, evenly spaced. */
export function linspace(start: number, end: number, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => n === 1 ? start : start + (end - start) * i / (n - 1));
}
