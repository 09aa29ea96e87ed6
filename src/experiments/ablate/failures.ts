import { dirname, join } from "node:path";
import type { NotFiniteError } from "../../runtime/errors.ts";
import { Divergence } from "../../training/health.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";
import type { TuneConfig } from "../tune/config.ts";
import type { StudyRun } from "./study.ts";

/** A run of a study that failed: it diverged, or its model draws no pictures. The others go on. */
export interface FailedRun {
  run: StudyRun;
  why: string;
}

/** What is kept of it. */
interface Failure {
  why: string;
  /** The settings that it failed with. */
  config: Partial<TuneConfig>;
}

/** Name of the file, in a run's folder of the study. */
export const FAILURE = "failure.json";

const folderOf = ({ config }: StudyRun) => dirname(config.output);

const settingsOf = ({ config }: StudyRun) => ({ ...config, output: undefined });

/** Keeps that a run failed. */
export async function keepFailure(run: StudyRun, error: NotFiniteError): Promise<FailedRun> {
  const why = error instanceof Divergence ? error.summary : error.message;
  const failure: Failure = { why, config: settingsOf(run) };
  await Deno.mkdir(folderOf(run), { recursive: true });
  await writeJson(join(folderOf(run), FAILURE), failure);
  return { run, why };
}

/**
 * Whether a run has failed before with the settings that it has now. If it has others now, what it left is removed: it is
 * tried again.
 */
export async function failedBefore(run: StudyRun): Promise<FailedRun | undefined> {
  const folder = folderOf(run);
  const failure = await readJsonIfThere(join(folder, FAILURE)) as Failure | undefined;
  if (!failure) return undefined;
  if (JSON.stringify(failure.config) === JSON.stringify(settingsOf(run))) return { run, why: failure.why };
  await Deno.remove(folder, { recursive: true });
}
