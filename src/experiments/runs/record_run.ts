import type * as tf from "@tensorflow/tfjs";
import { progress as drawnProgress } from "../../display/progress.ts";
import { onCompile } from "../../tensor/compile_events.ts";
import { lossScaleValue } from "../../tensor/loss_scale.ts";
import { saveCheckpoint } from "../../training/checkpoint.ts";
import { Divergence, type Health, trainingHealth, type Verdict } from "../../training/health.ts";
import type { EventWriter } from "../../runtime/tensorflow/event_writer.ts";
import { openMetricsLog, readMetrics } from "../../training/metrics_log.ts";
import type { OpenRun } from "./open_run.ts";
import { fallBack } from "./retries.ts";
import { engineName, type RunState, type UpdateCost } from "./run_state.ts";
import { openTensorboard, writeNumbers } from "./tensorboard.ts";

/** One update, as a run records it. */
export interface Update {
  /** What goes into the log. */
  metrics: Record<string, unknown>;
  /** What the progress bar says. */
  note: string;
  /** What a checkpoint holds; asked for only when one is written. */
  tensors(): Record<string, tf.Tensor>;
  /** What the updates took so far, where it is measured; likewise. */
  cost?(): UpdateCost;
}

/** Log, checkpoints and progress bar of a run. */
export interface RunRecorder extends AsyncDisposable {
  /** For the training loop: aborts after the signal from outside, once the last update is in a checkpoint. */
  signal: AbortSignal;
  /**
   * Records update number `step`. Writes a checkpoint when one is due, at the end, and before the run stops, but never after a
   * lost update. The last checkpoint after which the next update was healthy is kept besides the newest.
   */
  record(step: number, update: Update, verdict: Verdict): Promise<void>;
  /** For the training loop: it knows what was logged before. */
  health: Health;
  /** Runs the training loop. If it diverges, the run falls back to its last healthy checkpoint. @throws Divergence */
  guard<R>(training: () => Promise<R>): Promise<R>;
  /** The loss scale that a resumed run in float16 goes on with. */
  lossScale: number | undefined;
  /** Seconds of training so far, those before a resumption included, without what was done aside. */
  seconds(): number;
  /** TensorBoard's files, of a run that wants them. */
  events?: EventWriter | undefined;
  /** Does what is no training, as looking at it. */
  aside(work: () => Promise<void>): Promise<void>;
  /** Writes a checkpoint of the last update, if there is none. */
  keep(): Promise<void>;
}

export interface RecordOptions {
  /** What the progress bar says before its numbers. */
  label: string;
  signal?: AbortSignal;
  /** Makes the progress bar; `progress` when left out. */
  progress?: typeof drawnProgress;
  /** The update whose checkpoint stays besides the newest and the last healthy one. */
  best?: () => number | undefined;
}

/**
 * Starts to record a run.
 *
 * @throws UserError when the log or a checkpoint cannot be written
 */
export async function recordRun(
  run: OpenRun,
  { label, signal, progress = drawnProgress, best }: RecordOptions,
): Promise<RunRecorder> {
  const { folder, saved, from, config } = run, { steps, log_every, checkpoint_every } = config.train;
  const log = await openMetricsLog(folder.metricsFile, from);
  const records = await readMetrics(folder.metricsFile), events = await openTensorboard(run, records);
  const health = trainingHealth(records);
  const bar = progress(steps, label, { start: from });
  let last = from;
  const endCompileNotes = onCompile(({ name, done }) => bar.update(last, done ? "" : `compiling ${name}…`));
  const earlier = saved?.state as RunState | undefined;
  let newest = from, healthy = earlier?.healthy;
  const begun = performance.now(), before = earlier?.seconds ?? 0;
  let spentAside = 0;
  const seconds = () => before + (performance.now() - begun - spentAside) / 1000;
  let latest: Update | undefined;
  const write = async (step: number, { tensors, cost }: Update) => {
    const state: RunState = {
      ...{ config, seconds: seconds(), lossScale: lossScaleValue(), engine: engineName() },
      ...cost && { cost: cost() },
      ...healthy !== undefined && { healthy },
    };
    await saveCheckpoint(folder.checkpoints, { step, tensors: tensors(), state }, {
      kept: [healthy, best?.()],
    });
    newest = step;
    events?.flush();
  };
  const stop = new AbortController();
  if (signal?.aborted) stop.abort();
  return {
    signal: stop.signal,
    lossScale: earlier?.lossScale,
    events,
    seconds,
    async aside(work) {
      const start = performance.now();
      await work();
      spentAside += performance.now() - start;
    },
    health,
    async guard(training) {
      try {
        return await training();
      } catch (error) {
        throw error instanceof Divergence ? await fallBack(run, error, healthy) : error;
      }
    },
    async keep() {
      if (latest && newest !== last) await write(last, latest);
    },
    async record(step, update, { grade, why }) {
      const { metrics, note } = update;
      latest = update;
      bar.update(last = step, note);
      const lost = grade === "lost", stopping = signal?.aborted ?? false;
      if (lost || step % log_every === 0 || step === steps) {
        log.append({ step, ...metrics, ...lost && { lost: why } });
        if (events) writeNumbers(events, "training", step, metrics);
      }
      if (grade === "healthy" && newest === step - 1 && newest > 0) healthy = newest;
      if (!lost && (stopping || step % checkpoint_every === 0 || step === steps)) await write(step, update);
      if (stopping) stop.abort();
    },
    async [Symbol.asyncDispose]() {
      endCompileNotes();
      log[Symbol.dispose]();
      events?.[Symbol.dispose]();
      await bar.done();
    },
  };
}
