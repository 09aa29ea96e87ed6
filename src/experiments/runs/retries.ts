import { dropCheckpointsAfter } from "../../training/checkpoint.ts";
import { Divergence } from "../../training/health.ts";
import type { OpenRun } from "./open_run.ts";
import { addToHistory, readHistory, retriesIn } from "./history.ts";
import { loweredRate } from "./lowered_rate.ts";
import type { ResumePoint } from "./resume_point.ts";

/** A divergence after which the run is to go on by itself. */
class Retry extends Divergence {}

/**
 * Takes a run that diverged back to its last healthy checkpoint: those after it are removed, and its history tells of it.
 *
 * @param healthy updates done in that checkpoint; undefined where there is none
 * @returns what to throw: it says how the run goes on
 */
export async function fallBack(
  { folder, config }: OpenRun,
  { step, last, why }: Divergence,
  healthy?: number,
): Promise<Divergence> {
  const { retries = 0 } = config.train,
    used = retriesIn(await readHistory(folder.path)),
    retry = used < retries;
  await dropCheckpointsAfter(folder.checkpoints, healthy ?? 0);
  await addToHistory(folder.path, { step: healthy ?? 0, event: "diverged", update: step, last, why, retry });
  const lower = Number(loweredRate(config, 1).optimizer.lr.toPrecision(3));
  const back = healthy === undefined
    ? "; it had no healthy checkpoint yet, and begins anew"
    : `; it falls back to its last healthy checkpoint, of update ${healthy}`;
  return retry
    ? new Retry(step, last, why, `${back}, with learning rate ${lower} (retry ${used + 1} of ${retries})`)
    : new Divergence(
      step,
      last,
      why,
      `${back}. Go on with a lower learning rate: --resume --set optimizer.lr=${lower}`,
    );
}

/**
 * Runs a training, and again for as long as it is to go on by itself after it diverged.
 *
 * @param run takes from where to resume
 */
export async function withRetries<R>(
  run: (resume: ResumePoint) => Promise<R>,
  resume: ResumePoint = false,
): Promise<R> {
  for (;; resume = true) {
    try {
      return await run(resume);
    } catch (error) {
      if (!(error instanceof Retry)) throw error;
      console.error(error.message);
    }
  }
}
