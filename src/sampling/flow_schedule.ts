import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import { MOST_TIMESTEPS, parseScheduler, setting } from "./scheduler_config.ts";

/**
 * How rectified flow was trained: x = (1−σ)·x0 + σ·ε at timestep N·σ, with noise levels shifted by s (Esser et al. 2024,
 * eq. 23); the network predicts ε − x0.
 */
export interface FlowSchedule {
  predictionType: "flow";
  /** N. */
  trainTimesteps: number;
  /** s; above 1 towards noise. */
  shift: number;
}

const SETTINGS = z.object({
  num_train_timesteps: setting(z.int().min(1).max(MOST_TIMESTEPS), 1000),
  shift: setting(z.number().gt(0), 1),
  use_dynamic_shifting: setting(z.boolean(), false),
  time_shift_type: setting(z.enum(["exponential", "linear"]), "exponential"),
});

/**
 * The schedule of a `FlowMatchEulerDiscreteScheduler`'s `scheduler_config.json`.
 *
 * ```ts
 * import { flowSchedule } from "./flow_schedule.ts";
 * console.log(flowSchedule({ shift: 3 }).shift); // 3
 * ```
 *
 * @param mu μ of dynamic shifting, from `dynamicShift`; only with `use_dynamic_shifting`
 * @throws UserError that names what is not supported, and if μ is missing or of no use
 */
export function flowSchedule(config: Config, mu?: number): FlowSchedule {
  const settings = parseScheduler(SETTINGS, config), dynamic = settings.use_dynamic_shifting;
  if (dynamic !== (mu !== undefined)) {
    throw new UserError(
      dynamic
        ? "use_dynamic_shifting: true: the shift depends on the image's size; give mu, from dynamicShift()"
        : `mu ${mu} is of no use: use_dynamic_shifting is false`,
    );
  }
  const moved = settings.time_shift_type === "exponential" ? Math.exp(mu ?? 0) : mu!;
  return {
    predictionType: "flow",
    trainTimesteps: settings.num_train_timesteps,
    shift: dynamic ? moved : settings.shift,
  };
}

/** σ' = s·σ / (1 + (s−1)·σ). */
export function shifted(sigma: number, shift: number): number {
  return shift * sigma / (1 + (shift - 1) * sigma);
}
