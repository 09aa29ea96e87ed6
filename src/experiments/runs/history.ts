import { join } from "node:path";
import { type MetricsRecord, openMetricsLog, readMetrics } from "../../training/metrics_log.ts";
import type { Difference } from "../config/same_config.ts";

/** What has happened to a run besides its updates; `step` says how many of these it went on from. */
export type RunEvent =
  /** It diverged at update `update`; `retry`: it goes on by itself, with a lower learning rate. */
  | { step: number; event: "diverged"; update: number; last: number; why: string; retry: boolean }
  /** It was resumed with other settings. */
  | { step: number; event: "changed"; settings: Difference[] }
  /** It went back to an earlier checkpoint; `last`: updates done in the newest one that it had. */
  | { step: number; event: "back"; last: number };

const fileOf = (folder: string): string => join(folder, "history.jsonl");

/** What has happened to the run in a folder, oldest first. */
export async function readHistory(folder: string): Promise<RunEvent[]> {
  return await readMetrics(fileOf(folder)) as MetricsRecord[] as RunEvent[];
}

/** Adds to the history of a run; the caller holds its folder. @throws UserError when it cannot be written */
export async function addToHistory(folder: string, event: RunEvent): Promise<void> {
  using log = await openMetricsLog(fileOf(folder), Infinity);
  log.append({ ...event });
}

/** How often a run has gone on by itself after it diverged, since its settings were last changed. */
export function retriesIn(history: readonly RunEvent[]): number {
  const since = history.slice(history.findLastIndex(({ event }) => event === "changed") + 1);
  return since.filter((one) => one.event === "diverged" && one.retry).length;
}
