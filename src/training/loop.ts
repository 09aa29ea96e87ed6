/** What one update reports: numbers to log, by name. */
export type StepMetrics = Record<string, number>;

export interface LoopOptions {
  /** Updates done before; the first one run is `from` + 1. */
  from?: number;
  /** Last update. */
  steps: number;
  /** Does update number `step` (1, 2, …) and reports on it. */
  update(step: number): Promise<StepMetrics> | StepMetrics;
  /** Called after every update. */
  onStep?(step: number, metrics: StepMetrics): Promise<void> | void;
  signal?: AbortSignal;
  /** Updates in a row with a loss or gradient that is not finite after which the training gives up. Default 10. */
  patience?: number;
}

/**
 * Runs updates in order and gives way to the event loop between them, so that progress shows and Ctrl-C works.
 *
 * @returns the last update done: less than `steps` when the signal stopped the loop
 * @throws when `patience` updates in a row report a number that is not finite
 */
export async function trainingLoop(options: LoopOptions): Promise<number> {
  const { from = 0, steps, update, onStep, signal, patience = 10 } = options;
  let lost = 0;
  for (let step = from + 1; step <= steps; step++) {
    if (signal?.aborted) return step - 1;
    const metrics = await update(step);
    const broken = Object.entries(metrics).filter(([, value]) => !Number.isFinite(value));
    lost = broken.length ? lost + 1 : 0;
    if (lost >= patience) {
      throw new Error(
        `training diverged: ${
          broken.map(([name, value]) => `${name} = ${value}`).join(", ")
        } at step ${step} and ` +
          `${patience - 1} steps before; lower the learning rate or start from an earlier checkpoint`,
      );
    }
    await onStep?.(step, metrics);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return steps;
}
