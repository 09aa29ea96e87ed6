import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import { flowSchedule, shifted } from "./flow_schedule.ts";
import { linspace } from "./noise_schedule.ts";
import { convertPrediction } from "./prediction.ts";
import { makeSampler, type Sampler, type SamplerStep } from "./sampler.ts";
import { off, parseScheduler, setting } from "./scheduler_config.ts";
import { requireSteps } from "./timesteps.ts";

const SETTINGS = z.object({
  use_dynamic_shifting: setting(z.boolean(), false),
  shift_terminal: setting(z.number({ error: "expected a number from 0 to 1" }).min(0).lt(1), 0),
  invert_sigmas: off,
  stochastic_sampling: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
});

const SHIFT = z.object({
  base_shift: setting(z.number(), 0.5),
  max_shift: setting(z.number(), 1.15),
  base_image_seq_len: setting(z.int().min(1), 256),
  max_image_seq_len: setting(z.int().min(1), 4096),
});

/**
 * Euler's method on the straight paths of rectified flow (Esser et al. 2024) as diffusers'
 * `FlowMatchEulerDiscreteScheduler` runs it: x = (1−σ)·x0 + σ·ε, the network predicts dx/dσ = ε − x0 at timestep N·σ. σ
 * falls evenly from 1 to 1/N and is then shifted towards noise: σ' = s·σ / (1 + (s−1)·σ) with s = `shift`, or s = e^μ (μ
 * itself with `time_shift_type: linear`) under dynamic shifting. `shift_terminal` then stretches the σ so that the last one is that.
 *
 * ```ts
 * import { flowMatchEuler } from "./flow_match_euler.ts";
 * console.log(flowMatchEuler({ shift: 3 }, 4).timesteps.map(Math.round)); // [1000, 858, 603, 9]
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param steps how many, from 1 to num_train_timesteps
 * @param mu μ of dynamic shifting, from `dynamicShift`; only with `use_dynamic_shifting`
 * @throws UserError that names what is not supported, and if μ is missing or of no use.
 */
export function flowMatchEuler(config: Config, steps: number, mu?: number): Sampler {
  const { use_dynamic_shifting, shift_terminal } = parseScheduler(SETTINGS, config);
  const { trainTimesteps: trained, shift } = flowSchedule(config, mu);
  requireSteps(steps, trained);
  // As diffusers has it, a fixed shift acts on the lowest σ twice: before the even spacing and after it.
  const lowest = use_dynamic_shifting ? 1 / trained : shifted(1 / trained, shift);
  const unstretched = [...linspace(1, lowest, steps)].map((sigma) => shifted(sigma, shift));
  const sigmas = shift_terminal ? endingAt(shift_terminal, unstretched) : unstretched;
  const levels = [...sigmas, 0].map((sigma) => ({ alpha: 1 - sigma, sigma }));

  const table = sigmas.map((sigma, i): SamplerStep => ({
    timestep: sigma * trained,
    inputScale: 1,
    a: 1,
    b: levels[i + 1]!.sigma - sigma,
    noise: 0,
    x0: convertPrediction("flow", "sample", 1 - sigma, sigma),
  }));
  return makeSampler({
    name: "flow-matching euler",
    predictionType: "flow",
    initNoiseSigma: 1,
    levels,
    path: (from) => table.slice(from),
  });
}

/** σ stretched away from 1 so that the last one is `terminal`. */
function endingAt(terminal: number, sigmas: readonly number[]): number[] {
  if (sigmas.length === 1) {
    throw new UserError("1 sampling step: shift_terminal needs at least 2, or set it to null");
  }
  const factor = (1 - terminal) / (1 - sigmas.at(-1)!);
  return sigmas.map((sigma) => 1 - factor * (1 - sigma));
}

/**
 * μ of dynamic shifting: linear in the number of tokens that the image has in the network, from `base_shift` at
 * `base_image_seq_len` to `max_shift` at `max_image_seq_len`.
 *
 * ```ts
 * import { dynamicShift } from "./flow_match_euler.ts";
 * console.log(dynamicShift({}, 256), dynamicShift({}, 4096)); // 0.5 1.15
 * ```
 *
 * @param config diffusers' scheduler_config.json
 * @param tokens (height / patch) · (width / patch) of the latents
 * @throws UserError that names what is not supported.
 */
export function dynamicShift(config: Config, tokens: number): number {
  const { base_shift, max_shift, base_image_seq_len: base, max_image_seq_len: max } = parseScheduler(
    SHIFT,
    config,
  );
  return base_shift + (max_shift - base_shift) * (tokens - base) / (max - base);
}
