import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { checkpointSteps, dropCheckpointsAfter } from "../../training/checkpoint.ts";
import type { RunFolder } from "../../training/run_folder.ts";
import { addToHistory } from "./history.ts";
import { bestLook, readLooks } from "./looks.ts";

/**
 * From where a run goes on: true is its newest checkpoint, `best` that of its best look, a number that of so many updates;
 * false is a new run.
 */
export type ResumePoint = boolean | "best" | number;

/**
 * Updates done in the checkpoint that a resume point means; undefined where it is the newest.
 *
 * @throws UserError where there is no such checkpoint
 */
export async function updatesAt(
  resume: ResumePoint,
  { path, checkpoints }: RunFolder,
): Promise<number | undefined> {
  if (typeof resume === "boolean") return undefined;
  const step = resume === "best" ? await bestStep(path) : resume, there = await checkpointSteps(checkpoints);
  if (there.includes(step)) return step;
  const which = resume === "best" ? `update ${step}, the best look,` : `update ${step}`;
  throw new UserError(
    `there is no checkpoint of ${which} in ${checkpoints}; ` +
      (there.length > 0
        ? `there are those of updates ${listed(there.toReversed().map(String))}`
        : "there is none"),
  );
}

async function bestStep(run: string): Promise<number> {
  const best = bestLook(await readLooks(run));
  if (!best) {
    throw new UserError(
      `${run} has no best look: its configuration has no \`watch\`, or nothing was seen yet`,
    );
  }
  if (best.step > 0) return best.step;
  throw new UserError(`the best look at ${run} is the one before its first update; start a new run`);
}

/** Drops what a run has after an earlier checkpoint, which its history tells. */
export async function goBack({ path, checkpoints }: RunFolder, step: number): Promise<void> {
  const [last] = await checkpointSteps(checkpoints);
  if (last === undefined || last <= step) return;
  console.error(`goes back to update ${step}; what came after it, up to update ${last}, is dropped`);
  await dropCheckpointsAfter(checkpoints, step);
  await addToHistory(path, { step, event: "back", last });
}
