import { type Progress, progress } from "../../../display/progress.ts";
import { NotFiniteError, UserError } from "../../../runtime/errors.ts";
import { linesOf } from "../../../runtime/lines.ts";
import type { TuneConfig } from "../config.ts";
import { tuneOrResume } from "../tune_or_resume.ts";
import { errorOf, type Message } from "./messages.ts";
import { startTuningProcess } from "./start_process.ts";

/** One of several tunings; each has an `output` folder of its own. */
export interface TuningJob {
  config: TuneConfig;
  /** What its progress bar says. */
  label: string;
}

/** A tuning that has come to its end. */
export interface FinishedTuning {
  /** Folder of the tuned network. */
  weights: string;
  /** Wall time of the training just now; about 0 when it was found finished. */
  seconds: number;
}

export interface TuneAllOptions {
  /**
   * How many tunings may run at a time, each in a process of its own; asked before each starts. Without it they run in this
   * process, one after the other.
   */
  processes?(): number;
  /**
   * Among how many processes the cores are divided; default: as many as run at a time. What a tuning computes depends on its
   * share in the last digits: tunings that are to be the same after a stop need the same number then.
   */
  shares?: number;
  /** Stops all tunings; each writes a checkpoint first. */
  signal?: AbortSignal;
  /** Called when a tuning has come to its end; the next one in its place waits until it is done. */
  onFinished?(index: number, tuning: FinishedTuning): Promise<void> | void;
  /** Called when a tuning diverged, or `onFinished` found its model broken; the others go on. Without it they stop. */
  onFailed?(index: number, error: NotFiniteError): Promise<void> | void;
}

/**
 * Brings tunings to their ends from wherever they stand, as `tuneOrResume` does, in order. Side by side each computes on
 * its share of the cores: small networks gain nothing from more than one.
 *
 * @returns the tunings in order; null when the signal stopped them, or one failed
 * @throws UserError as `tune` does, once the others have written their checkpoints and stopped
 */
export async function tuneAll(
  jobs: readonly TuningJob[],
  { processes, shares, signal, onFinished, onFailed }: TuneAllOptions = {},
): Promise<FinishedTuning[] | null> {
  const failures: unknown[] = [], failed = new AbortController();
  const stop = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const allowed = () => Math.max(1, Math.min(processes?.() ?? 1, jobs.length));
  const threads = () => Math.max(1, Math.floor(navigator.hardwareConcurrency / (shares ?? allowed())));
  const run = processes ? (job: TuningJob) => tuneInChild(job, threads(), stop) : tuneHere(stop);
  const finished: (FinishedTuning | null)[] = jobs.map(() => null), running = new Set<Promise<void>>();
  const start = async (i: number, job: TuningJob) => {
    try {
      const tuning = finished[i] = await run(job);
      if (tuning) await onFinished?.(i, tuning);
    } catch (error) {
      finished[i] = null;
      if (onFailed && error instanceof NotFiniteError) return await onFailed(i, error);
      failures.push(error);
      failed.abort();
    }
  };
  for (const [i, job] of jobs.entries()) {
    while (running.size >= allowed()) await Promise.race(running);
    if (stop.aborted) break;
    const tuning: Promise<void> = start(i, job).finally(() => running.delete(tuning));
    running.add(tuning);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return finished.every((job) => job !== null) ? finished : null;
}

const tuneHere =
  (signal: AbortSignal) => async ({ config, label }: TuningJob): Promise<FinishedTuning | null> => {
    const began = performance.now(), weights = await tuneOrResume(config, { signal, label });
    return weights === null ? null : { weights, seconds: (performance.now() - began) / 1000 };
  };

async function tuneInChild(
  { config, label }: TuningJob,
  threads: number,
  signal: AbortSignal,
): Promise<FinishedTuning | null> {
  const child = startTuningProcess(new URL("./tune_child.ts", import.meta.url), config, threads);
  const input = child.stdin.getWriter(), ended = () => {}; // its last words, or their absence, say why
  const close = () => void input.close().catch(ended);
  let bar: Progress | undefined;
  try {
    await input.write(new TextEncoder().encode(JSON.stringify(config) + "\n")).catch(ended);
    signal.addEventListener("abort", close);
    if (signal.aborted) close(); // meanwhile
    for await (const line of linesOf(child.stdout)) {
      const message = JSON.parse(line) as Message;
      switch (message.kind) {
        case "start":
          bar = progress(message.total, label, { start: message.start });
          break;
        case "progress":
          bar?.update(message.done, message.note);
          break;
        case "end":
          return message.weights === null ? null : { weights: message.weights, seconds: message.seconds };
        case "error":
          throw errorOf(message);
      }
    }
    const { code, signal: killedBy } = await child.status;
    if (signal.aborted) return null; // a terminal's Ctrl-C goes to every process, also to one that does not listen yet
    throw new UserError(
      `${label}: its process ended by ${
        killedBy ?? `exit code ${code}`
      } before the tuning did; all until its last ` +
        "checkpoint is kept, and the same command goes on from there",
    );
  } finally {
    signal.removeEventListener("abort", close);
    close();
    await bar?.done();
    await child.status;
  }
}
