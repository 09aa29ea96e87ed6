/**
 * Noise levels as σ = √((1−ᾱ)/ᾱ), of samplers whose state is x0 + σ·ε, or that space their steps by σ.
 * @module
 */
import { linspace } from "./noise_schedule.ts";
import type { PredictionType } from "./denoiser.ts";
import { convertPrediction, type LinearForm } from "./prediction.ts";
import { spacedTimesteps, type Spacing } from "./timesteps.ts";

/** Stands for ᾱ = 0 (zero terminal SNR), where σ would be infinite; the value diffusers takes. */
const SMALLEST_CUMPROD = 2 ** -24;

/** σ of every training timestep, rising. [N] */
export function trainedSigmas(alphasCumprod: Float64Array): Float64Array {
  return alphasCumprod.map((cumprod) => {
    const a = cumprod || SMALLEST_CUMPROD;
    return Math.sqrt((1 - a) / a);
  });
}

/** Where the network is called: timesteps, fractional ones too, and their σ, highest first. [steps] each */
export interface SigmaGrid {
  timesteps: number[];
  sigmas: number[];
}

/**
 * The grid of Euler's and Heun's methods as diffusers places it: σ at evenly spaced timesteps, or Karras's σ between
 * their ends and the timesteps that have those.
 *
 * @param karras ends to use instead
 */
export function sigmaGrid(
  trained: Float64Array,
  steps: number,
  spacing: { timestep_spacing: Spacing; steps_offset: number },
  karras?: { min?: number | null; max?: number | null },
): SigmaGrid {
  const timesteps = spacedTimesteps(spacing.timestep_spacing, steps, trained.length, spacing.steps_offset);
  const sigmas = timesteps.map((t) => interpolate(trained, t));
  if (!karras) return { timesteps, sigmas };
  const spread = karrasSigmas(karras.min ?? sigmas.at(-1)!, karras.max ?? sigmas[0]!, steps);
  return { timesteps: spread.map((sigma) => timestepOf(trained, sigma)), sigmas: spread };
}

/** Standard deviation of the start noise, by the grid's largest σ, as diffusers has it. */
export function startSigma(spacing: Spacing, sigmas: readonly number[]): number {
  const largest = sigmas.reduce((a, b) => Math.max(a, b));
  return spacing === "leading" ? Math.hypot(largest, 1) : largest;
}

/**
 * At a state x = x0 + σ·ε: the scale of the network's input, x / √(σ² + 1), and what an output m says of x0 and of the
 * slope dx/dσ = (x − x0)/σ (Karras et al. 2022, eq. 3).
 */
export function atSigma(
  type: PredictionType,
  sigma: number,
): { inputScale: number; x0: LinearForm; slope: LinearForm } {
  const inputScale = 1 / Math.hypot(sigma, 1);
  // As the network sees it, the state inputScale·x has α = inputScale and σ = inputScale·sigma.
  const seen = convertPrediction(type, "sample", inputScale, inputScale * sigma);
  const x0 = { x: seen.x * inputScale, m: seen.m };
  return { inputScale, x0, slope: { x: (1 - x0.x) / sigma, m: -x0.m / sigma } };
}

/** Karras et al. 2022, eq. 5 with ρ = 7, highest first. */
export function karrasSigmas(min: number, max: number, steps: number): number[] {
  return [...linspace(max ** (1 / 7), min ** (1 / 7), steps)].map((root) => root ** 7);
}

/** The fractional timestep that has this σ, linear in log σ, clamped to the trained range. `trained` rises. */
export function timestepOf(trained: Float64Array, sigma: number): number {
  const above = trained.findIndex((s) => s > sigma);
  if (above === 0) return 0;
  if (above === -1) return trained.length - 1;
  const low = Math.log(trained[above - 1]!), high = Math.log(trained[above]!);
  return above - 1 + (Math.log(sigma) - low) / (high - low);
}

/** Value of a table at a fractional index, clamped to its ends. */
function interpolate(table: Float64Array, index: number): number {
  const at = Math.min(Math.max(index, 0), table.length - 1);
  const below = Math.floor(at), share = at - below;
  return share === 0 ? table[below]! : (1 - share) * table[below]! + share * table[below + 1]!;
}
