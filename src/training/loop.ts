import { adaptLossScale, beginLossScaling, endLossScaling, lossScaleValue } from "../tensor/loss_scale.ts";
import { Divergence, type Health, trainingHealth, type Verdict } from "./health.ts";

/** What one update reports: numbers to log, by name. */
export type StepMetrics = Record<string, number>;

export interface LoopOptions {
  /** Updates done before; the first one run is `from` + 1. */
  from?: number;
  /** Last update. */
  steps: number;
  /** Does update number `step` (1, 2, …) and reports on it. */
  update(step: number): Promise<StepMetrics> | StepMetrics;
  /** Called after every update, also a lost one. */
  onStep?(step: number, metrics: StepMetrics, verdict: Verdict): Promise<void> | void;
  signal?: AbortSignal;
  /** In float16: the loss scale to go on with. Its value is `loss_scale` in the metrics. */
  lossScale?: number;
  /** How updates are judged; default: `trainingHealth()`. */
  health?: Health;
  /** Lost updates in a row after which the training gives up. Default 10. */
  patience?: number;
}

/**
 * Runs updates in order and gives way to the event loop between them, so that progress shows and Ctrl-C works. A signal
 * stops it between two updates, after `onStep`. Where float16 is computed in, gradients are scaled (see `lossScale`); updates
 * that overflow then halve the scale, and are not lost. A training ends as diverged after `patience` lost updates in a row, or when the
 * last of all is lost.
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
 * @throws Divergence, which tells the first of the lost updates; whatever `update` and `onStep` throw
 */
export async function trainingLoop(options: LoopOptions): Promise<number> {
  const { from = 0, steps, update, onStep, signal, health = trainingHealth(), patience = 10 } = options;
  let lost: { step: number; why: string } | undefined;
  beginLossScaling(options.lossScale);
  try {
    for (let step = from + 1; step <= steps; step++) {
      if (signal?.aborted) return step - 1;
      const scale = lossScaleValue(), measured = await update(step);
      const metrics = scale === undefined ? measured : { ...measured, loss_scale: scale };
      const finite = Object.values(metrics).every(Number.isFinite);
      const overflowed = adaptLossScale(finite), { grade, why } = health(metrics);
      const verdict: Verdict = { grade: overflowed ? "suspect" : grade, why };
      lost = verdict.grade === "lost" ? lost ?? { step, why: why! } : undefined;
      await onStep?.(step, metrics, verdict);
      if (lost && (step === steps || step - lost.step + 1 >= patience)) {
        throw new Divergence(lost.step, step, lost.why);
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    return steps;
  } finally {
    endLossScaling();
  }
}
