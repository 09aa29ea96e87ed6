import { join } from "node:path";
import { readMetrics } from "../../training/metrics_log.ts";

/** What is seen of a tuning on its way. */
export interface Look {
  /** Updates done. */
  step: number;
  /** Fréchet distances and coverage by networks that do not judge, picture-text scores, `details`, `accuracy_discriminator`. */
  scores: Record<string, number>;
  /** What looks like a collapse, if anything does. */
  alarm?: string;
}

/** The log of a run's looks, one JSON record a line. */
export const looksFile = (folder: string): string => join(folder, "watch.jsonl");

/** All looks at the run in a folder, oldest first. */
export async function readLooks(folder: string): Promise<Look[]> {
  return await readMetrics(looksFile(folder)) as unknown as Look[];
}

/** The look with the least Fréchet distance by the first network, the earliest of equals; undefined where there is none. */
export function bestLook(looks: readonly Look[]): { score: string; value: number; step: number } | undefined {
  const score = Object.keys(looks[0]?.scores ?? {}).find((name) => name.startsWith("fid."));
  if (score === undefined) return undefined;
  const values = looks.map(({ step, scores }) => ({ score, value: scores[score] ?? Infinity, step }));
  return values.reduce((best, one) => one.value < best.value ? one : best);
}
