import { join } from "node:path";
import { isThere } from "../../runtime/files.ts";
import { folderSize } from "../../runtime/folder_size.ts";
import { UserError } from "../../runtime/errors.ts";
import { checkpointSteps } from "../../training/checkpoint.ts";
import { namesIn } from "../../training/folder_lock.ts";
import { type MetricsRecord, readMetrics } from "../../training/metrics_log.ts";
import { isRunFolder, isRunning } from "../../training/run_folder.ts";
import { isRecord } from "../../weights/config.ts";
import { readYaml } from "../config/yaml.ts";
import { bestLook, type Look, readLooks } from "./looks.ts";

/** How far a run has come. `stopped`: it goes on by `--resume`. */
export type RunProgress = "running" | "finished" | "stopped" | "diverged" | "unreadable";

/** What a run's folder tells. */
export interface RunSummary {
  /** Its path, as it was found. */
  folder: string;
  progress: RunProgress;
  /** Updates done and to do. */
  step: number;
  steps: number;
  /** The last that was logged. */
  loss?: number;
  /** The look with the least Fréchet distance, of a run that was watched. */
  best?: { score: string; value: number; step: number };
  /** All that the folder holds, in bytes. */
  size: number;
  /** When its log was last written. */
  changed?: Date;
  /** Why it is unreadable. */
  fault?: string;
}

/** All that a run's folder holds but its weights. */
export interface RunRecord {
  summary: RunSummary;
  settings: Record<string, unknown>;
  log: MetricsRecord[];
  looks: Look[];
}

/**
 * The runs in a folder and below it, by path. Nothing is changed, and no checkpoint is read.
 *
 * ```ts
 * import { listRuns } from "./list_runs.ts";
 * for (const { folder, progress, step, steps } of await listRuns("data")) console.log(folder, progress, step, steps);
 * ```
 *
 * @throws UserError when the folder cannot be read
 */
export async function listRuns(folder: string): Promise<RunSummary[]> {
  const summaries: RunSummary[] = [];
  for (const run of await runFolders(folder)) summaries.push(await summaryOf(run));
  return summaries;
}

/** The folders of the runs in a folder and below it. @throws UserError when it cannot be read */
export async function runFolders(folder: string): Promise<string[]> {
  if (await isRunFolder(folder)) return [folder];
  const below: string[] = [];
  for (const name of await subfolders(folder)) below.push(...await runFolders(join(folder, name)));
  return below;
}

async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();
  } catch (error) {
    throw new UserError(`cannot look for runs in ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

async function summaryOf(folder: string): Promise<RunSummary> {
  try {
    return (await readRun(folder)).summary;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const size = folderSize(folder);
    return { folder, progress: "unreadable", step: 0, steps: 0, size, fault: error.message };
  }
}

/** Reads a run's folder. @throws UserError for a file that is damaged */
export async function readRun(folder: string): Promise<RunRecord> {
  const settings = await readYaml(join(folder, "config.yaml")), file = join(folder, "metrics.jsonl");
  const log = await readMetrics(file),
    looks = await readLooks(folder),
    last = log.at(-1),
    { train } = settings;
  const steps = isRecord(train) ? Number(train.steps) : NaN;
  const step = Math.max(last?.step ?? 0, ...await checkpointSteps(join(folder, "checkpoints")));
  const progress = await progressOf(folder, step >= steps, last?.lost !== undefined);
  const loss = Number(last?.loss_diffusion ?? last?.loss), best = bestLook(looks), size = folderSize(folder);
  const changed = await isThere(file) ? (await Deno.stat(file)).mtime : null;
  const summary: RunSummary = {
    ...{ folder, progress, step, steps, size },
    ...Number.isFinite(loss) && { loss },
    ...best && { best },
    ...changed && { changed },
  };
  return { summary, settings, log, looks };
}

async function progressOf(folder: string, done: boolean, lost: boolean): Promise<RunProgress> {
  if (await isRunning(folder)) return "running";
  if (lost) return "diverged";
  return done && (await namesIn(join(folder, "weights"))).length > 0 ? "finished" : "stopped";
}
