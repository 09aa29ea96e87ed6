import { join } from "node:path";
import { sharedBars } from "../../display/progress.ts";
import type { Rows } from "../../display/text.ts";
import { NotFiniteError } from "../../runtime/errors.ts";
import { machineMemory } from "../../runtime/machine_memory.ts";
import { isStop } from "../../runtime/stop.ts";
import { writePage } from "../report/page.ts";
import { tunesPipeline } from "../tune/config.ts";
import { readCost } from "../tune/cost.ts";
import { tuneAll, type TuneAllOptions } from "../tune/processes/tune_all.ts";
import { tuneOrResume, tuningIn } from "../tune/tune_or_resume.ts";
import { evaluateRun, runName } from "./evaluate_run.ts";
import { failedBefore, type FailedRun, keepFailure } from "./failures.ts";
import { processesWithin } from "./memory.ts";
import { studyReport } from "./report.ts";
import type { StudyScorer } from "./scorer.ts";
import { loadStudy, type Study, type StudyRun, type Variant } from "./study.ts";
import type { StudyInput } from "./study_config.ts";
import { openStudyFolder } from "./study_folder.ts";
import { studyScorer } from "./study_scorer.ts";
import { type ArmScore, type FinishedRun, summarise } from "./summary.ts";
import { shortRows, writeTables } from "./tables.ts";

export interface AblateOptions {
  /**
   * Most trainings at a time, each in a process of its own; fewer where memory is short. Without it they run in this process,
   * one after the other; what memory each takes is then not told from what those before it left.
   */
  processes?: number;
  /** Stops the study; what is finished is kept and reported. */
  signal?: AbortSignal;
  /** Called when a run has been trained and scored, with what is found by then in the study's first way to sample. */
  onResult?(result: FinishedRun, found: Findings): void | Promise<void>;
}

/** What a study has found so far. */
export interface Findings {
  study: Study;
  /** Runs that have come to their ends, in the study's order. */
  finished: FinishedRun[];
  /** Runs that failed, likewise. */
  failed: FailedRun[];
  /** Scores of the arms over their seeds, with paired differences from the reference arms. */
  scores: ArmScore[];
  /** The headline in short: one row per arm. */
  table: Rows;
}

/** What a study has found. */
export interface AblateResult extends Findings {
  /** Path of the report. */
  report: string;
}

/**
 * Runs a study: tunes every arm with every seed, scores all models on images from the same noise, and writes tables
 * (CSV, JSON) and a report into its folder. Stopped or killed at any time, the same call goes on where it was; finished
 * runs and evaluations are never repeated. A run that diverges, or whose model draws no pictures, fails, and the others go on;
 * the same call tries it again when its arm's settings have changed, and otherwise says why not.
 *
 * A run's model can be loaded afterwards: `loadGenerator({ unet: result.weights, sampler })`.
 *
 * @param source path of the study's YAML file, or the same as an object; see `StudyConfig`
 * @throws UserError for a study that is wrong (as `loadStudy`), a folder that holds another study or is in use, and as
 * `tune` does
 *
 * ```ts ignore
 * import { ablate, live, loadGenerator } from "../../../mod.ts";
 * const table = live();
 * const { finished, report } = await ablate("data/studies/headline.yaml", {
 *   onResult: (_, found) => table.update(() => found.table),
 * });
 * await table.done();
 * const { run, weights } = finished.at(-1)!;
 * const generator = await loadGenerator({ unet: weights, sampler: run.config.sampler });
 * console.log(report, generator.sampler.timesteps);
 * ```
 */
export async function ablate(
  source: string | StudyInput,
  options: AblateOptions = {},
): Promise<AblateResult> {
  const study = await loadStudy(source);
  using _folder = await openStudyFolder(study);
  using _bars = sharedBars();
  const results: Results = { finished: new Map(), failed: new Map() };
  try {
    await runAll(study, results, options);
  } catch (error) {
    if (!isStop(error, options.signal)) throw error;
  }
  const found = findings(study, results, study.variants), { finished, failed, scores } = found;
  const report = join(study.output, "report.html");
  await writeTables(found);
  await writePage(report, await studyReport(study, scores, finished, failed));
  return { ...found, report };
}

/** What has come of the runs so far. */
interface Results {
  finished: Map<StudyRun, FinishedRun>;
  failed: Map<StudyRun, FailedRun>;
}

const inOrder = <T>({ runs }: Study, results: Map<StudyRun, T>): T[] =>
  runs.flatMap((run) => results.get(run) ?? []);

/** What is known of some ways to sample. */
function findings(study: Study, results: Results, variants: Variant[]): Findings {
  const finished = inOrder(study, results.finished), failed = inOrder(study, results.failed);
  const scores = summarise(study.arms, finished, variants);
  return { study, finished, failed, scores, table: shortRows(study, scores, finished, failed) };
}

async function runAll(
  study: Study,
  results: Results,
  { processes, signal, onResult }: AblateOptions,
): Promise<void> {
  const { variants } = study;
  let scorer: Promise<StudyScorer> | undefined;
  const getScorer = () => scorer ??= studyScorer(study, signal);
  const finish = async (run: StudyRun, weights: string) => {
    const evaluations = await evaluateRun(run, weights, variants, getScorer);
    const result = { run, weights, evaluations, cost: await readCost(run.config) ?? null };
    results.finished.set(run, result);
    await onResult?.(result, findings(study, results, variants.slice(0, 1)));
  };
  const fail = async (run: StudyRun, error: NotFiniteError) => {
    const failed = await keepFailure(run, error);
    results.failed.set(run, failed);
    console.error(`${runName(run)} failed, the others go on: ${failed.why}`);
  };
  try {
    const hopeful: StudyRun[] = [];
    for (const run of study.runs) {
      const failed = await failedBefore(run);
      if (!failed) hopeful.push(run);
      else {
        results.failed.set(run, failed);
        console.error(
          `${runName(run)} failed before and is not tried again with the same settings: ${failed.why}`,
        );
      }
    }
    const waiting = await finishReady(hopeful, finish, fail, signal);
    if (signal?.aborted) return;
    const trained = study.runs.filter(({ arm }) => !arm.untuned).length;
    await tuneAndFinish(waiting, finish, fail, {
      processes: processes ? fittingProcesses(processes, study, results.finished) : undefined,
      shares: processes && Math.min(processes, trained), // whatever is finished and fits: the same study gives the same numbers
      signal,
    });
  } finally {
    (await scorer?.catch(() => undefined))?.dispose();
  }
}

type Finish = (run: StudyRun, weights: string) => Promise<void>;
type Fail = (run: StudyRun, error: NotFiniteError) => Promise<void>;

const untunedModel = ({ config: { model } }: StudyRun) => "pipeline" in model ? model.pipeline : model.unet;

/** Scores what needs no training (any more), and returns the other runs. */
async function finishReady(
  runs: StudyRun[],
  finish: Finish,
  fail: Fail,
  signal?: AbortSignal,
): Promise<StudyRun[]> {
  const waiting: StudyRun[] = [];
  for (const run of runs) {
    if (signal?.aborted) break;
    try {
      if (run.arm.untuned) await finish(run, untunedModel(run));
      else if (await tuningIn(run.config) === "finished") {
        await finish(run, (await tuneOrResume(run.config, {}))!); // says so if it was another tuning
      } else waiting.push(run);
    } catch (error) {
      if (!(error instanceof NotFiniteError)) throw error;
      await fail(run, error);
    }
  }
  return waiting;
}

async function tuneAndFinish(
  runs: StudyRun[],
  finish: Finish,
  fail: Fail,
  options: Pick<TuneAllOptions, "processes" | "shares" | "signal">,
): Promise<void> {
  const jobs = runs.map((run) => ({ config: run.config, label: `tuning: ${runName(run)}` }));
  let turn: Promise<void> = Promise.resolve();
  await tuneAll(jobs, {
    ...options,
    async onFinished(i, { weights }) {
      const mine = turn.then(() => finish(runs[i]!, weights)); // one at a time: they share this process's engine
      turn = mine.catch(() => {}); // its own failure is no other run's
      await mine;
    },
    onFailed: (i, error) => fail(runs[i]!, error),
  });
}

/** How many of the processes asked for fit into memory, by what the runs finished until then needed; says so when fewer. */
function fittingProcesses(asked: number, study: Study, results: Map<StudyRun, FinishedRun>): () => number {
  const available = machineMemory()?.available ?? Infinity, free = (available / 2 ** 30).toFixed(1);
  const unknown = study.arms.some(({ config }) => tunesPipeline(config));
  let said = asked;
  return () => {
    const peaks = inOrder(study, results).flatMap(({ cost }) => cost?.peakBytes ?? []);
    const fitting = processesWithin(asked, { peaks, unknown }, available);
    if (fitting < asked && fitting !== said) {
      const why = unknown && peaks.length === 0
        ? "until the first tells what memory it needs"
        : `${free} GiB of memory are free`;
      console.error(`${fitting} at a time instead of ${asked}: ${why}`);
    }
    return said = fitting;
  };
}
