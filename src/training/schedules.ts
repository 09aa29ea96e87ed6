/** How the learning rate runs over a training. */
export interface LearningRateSchedule {
  /** Peak learning rate. */
  lr: number;
  /** Steps of linear rise from 0. */
  warmupSteps: number;
  /** Shape after the rise; `cosine` and `linear` end at 0. */
  schedule: "constant" | "cosine" | "linear";
}

/**
 * Learning rate of update `step` (1, 2, …) of `steps`: it rises in equal steps to `lr` at update `warmupSteps`, then
 * follows the schedule; cosine is that of Loshchilov & Hutter 2017 without restarts.
 *
 * ```ts
 * import { learningRate } from "./schedules.ts";
 * const schedule = { lr: 1e-4, warmupSteps: 10, schedule: "cosine" } as const;
 * console.log([5, 10, 55, 100].map((step) => learningRate(schedule, step, 100))); // [ 5e-5, 1e-4, 5e-5, 0 ]
 * ```
 */
export function learningRate(
  { lr, warmupSteps, schedule }: LearningRateSchedule,
  step: number,
  steps: number,
): number {
  if (step <= warmupSteps) return lr * step / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  switch (schedule) {
    case "constant":
      return lr;
    case "cosine":
      return lr * 0.5 * (1 + Math.cos(Math.PI * progress));
    case "linear":
      return lr * (1 - progress);
  }
}
