import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import { MOST_TIMESTEPS, setting } from "./scheduler_config.ts";

/** How the sampling timesteps spread over the training timesteps (Lin et al. 2023, table 2). */
export type Spacing = "leading" | "trailing" | "linspace";

/** The config keys that place the timesteps; the default spacing differs between schedulers. */
export function spacingSettings(fallback: Spacing) {
  return {
    timestep_spacing: setting(z.enum(["leading", "trailing", "linspace"]), fallback),
    steps_offset: setting(z.int().min(0).max(MOST_TIMESTEPS), 0),
  };
}

/**
 * The timesteps at which a sampler calls the network, highest first, as diffusers spaces them. `linspace` is
 * not rounded.
 *
 * @param steps how many
 * @param trained number N of training timesteps
 * @param offset added with `leading` spacing
 * @throws UserError unless 1 ≤ steps ≤ N, and steps ≥ 2 with `linspace`.
 */
export function spacedTimesteps(spacing: Spacing, steps: number, trained: number, offset: number): number[] {
  requireSteps(steps, trained);
  switch (spacing) {
    case "leading": {
      const stride = Math.floor(trained / steps);
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + offset);
    }
    case "trailing":
      return trailing(steps, trained);
    case "linspace":
      if (steps === 1) {
        throw new UserError("timestep_spacing linspace needs at least 2 steps; use trailing for one step");
      }
      return fromZero(trained - 1, steps).reverse();
  }
}

/**
 * numpy's `arange(N, 0, -N/steps)`, rounded, less 1, in numpy's order of operations: it decides where ties of ½ go. Where
 * its own rounding gives numpy one number more (61, 103, 121, 122 steps of 1,000), diffusers makes a call at t = −1; this
 * function leaves it out.
 */
function trailing(steps: number, trained: number): number[] {
  const stride = (trained - trained / steps) - trained;
  return Array.from({ length: steps }, (_, i) => roundHalfEven(trained + i * stride) - 1);
}

/** numpy's `linspace(0, end, n)`, in numpy's order of operations. */
function fromZero(end: number, n: number): number[] {
  const stride = end / (n - 1);
  return Array.from({ length: n }, (_, i) => i === n - 1 ? end : i * stride);
}

/**
 * Checks a number of sampling steps.
 *
 * @throws UserError unless it is an integer from 1 to `most`.
 */
export function requireSteps(steps: number, most: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > most) {
    throw new UserError(
      `${steps} sampling steps: expected an integer from 1 to ${most}, by num_train_timesteps`,
    );
  }
}

/**
 * `spacedTimesteps` rounded to whole training timesteps, ties to even as numpy rounds.
 *
 * @throws UserError as `spacedTimesteps`, and if the offset puts one past the last training timestep.
 */
export function wholeTimesteps(
  { timestep_spacing, steps_offset }: { timestep_spacing: Spacing; steps_offset: number },
  steps: number,
  trained: number,
): number[] {
  const timesteps = spacedTimesteps(timestep_spacing, steps, trained, steps_offset).map(roundHalfEven);
  if (timesteps[0]! < trained) return timesteps;
  throw new UserError(
    `steps_offset ${steps_offset} puts the first timestep at ${timesteps[0]}, past the last, ${trained - 1}`,
  );
}

/** Nearest integer, ties to even as numpy rounds. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + below % 2 : Math.round(value);
}
