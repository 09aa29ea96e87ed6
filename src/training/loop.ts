import { UserError } from "../runtime/errors.ts";
import { adaptLossScale, beginLossScaling, endLossScaling, lossScaleValue } from "../tensor/loss_scale.ts";

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
  /** In float16: the loss scale to go on with. Its value is `loss_scale` in the metrics. */
  lossScale?: number;
  /** Updates in a row with a loss or gradient that is not finite after which the training gives up. Default 10. */
  patience?: number;
}

/**
 * Runs updates in order and gives way to the event loop between them, so that progress shows and Ctrl-C works. A signal
 * stops it between two updates, after `onStep`. Where float16 is computed in, gradients are scaled (see `lossScale`); updates
 * that overflow then halve the scale, and do not count as diverged.
 *
 * ```ts
 * import { trainingLoop } from "./loop.ts";
 * const losses: number[] = [];
 * const update = (step: number) => ({ loss: 1 / step });
 * const done = await trainingLoop({ steps: 3, update, onStep: (_, { loss }) => void losses.push(loss!) });
 * console.log(done, losses); // 3 [ 1, 0.5, 0.3333333333333333 ]
 * ```
 *
 * @returns the last update done: less than `steps` when the signal stopped the loop
 * @throws UserError when `patience` updates in a row report a number that is not finite; whatever `update` and `onStep`
 * throw
 */
export async function trainingLoop(options: LoopOptions): Promise<number> {
  const { from = 0, steps, update, onStep, signal, patience = 10 } = options;
  let lost = 0;
  beginLossScaling(options.lossScale);
  try {
    for (let step = from + 1; step <= steps; step++) {
      if (signal?.aborted) return step - 1;
      const scale = lossScaleValue(), measured = await update(step);
      const metrics = scale === undefined ? measured : { ...measured, loss_scale: scale };
      const broken = Object.entries(metrics).filter(([, value]) => !Number.isFinite(value));
      const overflowed = adaptLossScale(broken.length === 0);
      lost = broken.length && !overflowed ? lost + 1 : 0;
      if (lost >= patience) {
        const numbers = broken.map(([name, value]) => `${name} = ${value}`).join(", ");
        throw new UserError(
          `training diverged: ${numbers} at step ${step}, the last of ${patience} in a row; ` +
            "lower the learning rate; to go on from the checkpoint before, delete the newest one and resume",
        );
      }
      await onStep?.(step, metrics);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return steps;
  } finally {
    endLossScaling();
  }
}
