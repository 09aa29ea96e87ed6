import { UserError } from "../runtime/errors.ts";
import { type Sampler, termsOf } from "./sampler.ts";

/** x_to = start·x_from + Σ c_i·m_i + Σ noise_i·ε_i, as scalars. */
export interface PathCoefficients {
  /** A: coefficient of the state that the path starts from. */
  start: number;
  /** c: coefficient of each call's network output; entry k belongs to call from + k. */
  c: number[];
  /** Coefficient of each step's fresh noise; entry k belongs to call from + k. */
  noise: number[];
}

/**
 * How the end of a path depends on every network output along it: the transposed recurrence of `SamplerStep`, from the
 * end backwards. With w_{i+1} the weight of x_{i+1} in the end, step i gives each term it is made of its coefficient
 * times w_{i+1}; for a one-step method that is c_i = b_i·Π_{j>i} a_j.
 *
 * ```ts
 * import { ddim } from "./ddim.ts";
 * import { coefficientsToEnd } from "./coefficients.ts";
 * const { start, c } = coefficientsToEnd(ddim({ clip_sample: false }, 10), 7);
 * console.log(start, c.length); // x_end = start·x_7 + c[0]·m_7 + c[1]·m_8 + c[2]·m_9
 * ```
 *
 * @param from first call of the path, one of `sampler.starts`
 * @param to the call after its last one, by default the end
 * @throws UserError, RangeError as `requireLinear`
 */
export function coefficientsToEnd(sampler: Sampler, from = 0, to = sampler.steps.length): PathCoefficients {
  requireLinear(sampler, from, to);
  const path = sampler.path(from).slice(0, to - from);
  const c = path.map(() => 0), noise = path.map(() => 0), weights = [...c, 1];
  for (let k = path.length - 1; k >= 0; k--) {
    const step = path[k]!, weight = weights[k + 1]!;
    for (const { back, x, m } of termsOf(step)) {
      weights[k - back]! += weight * x;
      c[k - back]! += weight * m;
    }
    noise[k] = weight * step.noise;
  }
  return { start: weights[0]!, c, noise };
}

/**
 * Checks that the path over calls from … to−1 is linear in the network's outputs, so that it can be trained
 * through.
 *
 * @throws UserError if a step clips x̂0; RangeError if there is no such path.
 */
export function requireLinear(sampler: Sampler, from: number, to: number): void {
  if (!(0 <= from && from <= to && to <= sampler.steps.length)) {
    throw new RangeError(
      `a path from step ${from} to ${to} does not lie within 0 to ${sampler.steps.length}`,
    );
  }
  const clipped = sampler.path(from).slice(0, to - from).find(({ clip }) => clip);
  if (clipped) {
    throw new UserError(
      `${sampler.name} clips its estimate of the image at timestep ${clipped.timestep} (clip_sample), so the result is not linear ` +
        "in the network's outputs and cannot be trained through; set clip_sample to false in the scheduler config",
    );
  }
}
