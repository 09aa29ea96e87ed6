import { join } from "node:path";
import { isThere } from "../../runtime/files.ts";
import { folderSize } from "../../runtime/folder_size.ts";
import { UserError } from "../../runtime/errors.ts";
import { checkpointSteps } from "../../training/checkpoint.ts";
import { namesIn } from "../../training/folder_lock.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { isRunFolder, isRunning } from "../../training/run_folder.ts";
import { isRecord } from "../../weights/config.ts";
import { readYaml } from "../config/yaml.ts";
import { type Look, readLooks } from "./looks.ts";

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
  if (await isRunFolder(folder)) return [await runSummary(folder)];
  const below: RunSummary[] = [];
  for (const name of await subfolders(folder)) below.push(...await listRuns(join(folder, name)));
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

async function runSummary(folder: string): Promise<RunSummary> {
  const size = folderSize(folder);
  try {
    const { train } = await readYaml(join(folder, "config.yaml")), file = join(folder, "metrics.jsonl");
    const steps = isRecord(train) ? Number(train.steps) : NaN,
      log = await readMetrics(file),
      last = log.at(-1);
    const step = Math.max(last?.step ?? 0, ...await checkpointSteps(join(folder, "checkpoints")));
    const loss = Number(last?.loss_diffusion ?? last?.loss), best = bestOf(await readLooks(folder));
    const changed = await isThere(file) ? (await Deno.stat(file)).mtime : null;
    return {
      ...{
        folder,
        steps,
        step,
        size,
        progress: await progressOf(folder, step >= steps, last?.lost !== undefined),
      },
      ...Number.isFinite(loss) && { loss },
      ...best && { best },
      ...changed && { changed },
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { folder, progress: "unreadable", step: 0, steps: 0, size, fault: error.message };
  }
}

async function progressOf(folder: string, done: boolean, lost: boolean): Promise<RunProgress> {
  if (await isRunning(folder)) return "running";
  if (lost) return "diverged";
  return done && (await namesIn(join(folder, "weights"))).length > 0 ? "finished" : "stopped";
}

function bestOf(looks: readonly Look[]): RunSummary["best"] {
  const score = Object.keys(looks[0]?.scores ?? {}).find((name) => name.startsWith("fid."));
  if (score === undefined) return undefined;
  const values = looks.map(({ step, scores }) => ({ score, value: scores[score] ?? Infinity, step }));
  return values.reduce((best, one) => one.value < best.value ? one : best);
}
