import { UserError } from "../runtime/errors.ts";
import type { Sampler } from "./sampler.ts";

/** x_to = start·x_from + Σ c_i·m_i + Σ noise_i·ε_i, as scalars. */
export interface PathCoefficients {
  /** A: coefficient of the state that the path starts from. */
  start: number;
  /** c: coefficient of each step's network output; entry k belongs to step from + k. */
  c: number[];
  /** Coefficient of each step's fresh noise; entry k belongs to step from + k. */
  noise: number[];
}

/**
 * How the end of a path depends on every network output along it. Each step is linear, x_{i+1} = a_i·x_i +
 * b_i·m_i + p_i·m_{i−1}, so with w_i = Π_{j>i} a_j the output m_i counts c_i = w_i·b_i + w_{i+1}·p_{i+1}.
 * Computed from the end backwards.
 *
 * ```ts
 * import { ddim } from "./ddim.ts";
 * import { coefficientsToEnd } from "./coefficients.ts";
 * const { start, c } = coefficientsToEnd(ddim({ clip_sample: false }, 10), 7);
 * console.log(start, c.length); // x_end = start·x_7 + c[0]·m_7 + c[1]·m_8 + c[2]·m_9
 * ```
 *
 * @param from first step of the path
 * @param to the step after its last one, by default the end
 * @throws UserError, RangeError as `requireLinear`
 */
export function coefficientsToEnd(sampler: Sampler, from = 0, to = sampler.steps.length): PathCoefficients {
  requireLinear(sampler, from, to);
  const path = sampler.steps.slice(from, to);
  const c = path.map(() => 0), noise = path.map(() => 0);
  let weight = 1;
  for (let k = path.length - 1; k >= 0; k--) {
    const { a, b, previous = 0, noise: fresh } = path[k]!;
    c[k] = c[k]! + weight * b;
    noise[k] = weight * fresh;
    if (k > 0) c[k - 1] = weight * previous;
    weight *= a;
  }
  return { start: weight, c, noise };
}

/**
 * Checks that the path over steps from … to−1 is linear in the network's outputs, so that it can be trained
 * through.
 *
 * @throws UserError if a step clips x̂0; RangeError if there is no such path, or its first step needs an
 * output from before it.
 */
export function requireLinear(sampler: Sampler, from: number, to: number): void {
  if (!(0 <= from && from <= to && to <= sampler.steps.length)) {
    throw new RangeError(
      `a path from step ${from} to ${to} does not lie within 0 to ${sampler.steps.length}`,
    );
  }
  const path = sampler.steps.slice(from, to), clipped = path.find(({ clip }) => clip);
  if (path[0]?.previous) {
    throw new RangeError(`a path cannot start at step ${from}: it needs the output of the step before`);
  }
  if (clipped) {
    throw new UserError(
      `${sampler.name} clips its estimate of the image at timestep ${clipped.timestep} (clip_sample), so the result is not linear ` +
        "in the network's outputs and cannot be trained through; set clip_sample to false in the scheduler config",
    );
  }
}
