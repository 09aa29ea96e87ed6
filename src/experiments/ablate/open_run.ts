import { join } from "node:path";
import type { AdtState } from "../../adt/setup.ts";
import { UserError } from "../../runtime/errors.ts";
import { loadCheckpoint } from "../../training/checkpoint.ts";
import { runFault } from "../runs/run_state.ts";
import { ADT_TENSORS } from "../runs/state_tensors.ts";
import { resumedState } from "../tune/resumed_state.ts";
import { prepareTuning } from "../tune/setup.ts";
import type { Tuning } from "../tune/tuning.ts";
import { runName } from "./evaluate_run.ts";
import type { FinishedRun } from "./summary.ts";

/** A run in memory, as its training left it. */
export interface OpenedRun {
  tuning: Tuning;
  /** The caller's: `adtStep` uses it up. */
  state: AdtState;
  /** Updates done; the next one is `step + 1`. */
  step: number;
}

/**
 * Opens a trained run of a study where its training ended: network, average, discriminator and moments, to go on with
 * `adtStep`. What is on the disk stays as it is.
 *
 * ```ts ignore
 * import { ablate, adtFunctions, adtStep, openStudyRun } from "../../../mod.ts";
 * const { finished } = await ablate("data/studies/parts.yaml");
 * const { tuning: { setup, batch }, state, step } = await openStudyRun(finished.at(-1)!);
 * const next = await adtStep(setup, adtFunctions(setup), state, await batch(step + 1), step + 1);
 * console.log(next.metrics);
 * ```
 *
 * @throws UserError for an untuned arm, for a run whose checkpoints are gone, and as `prepareTuning`
 */
export async function openStudyRun({ run }: FinishedRun): Promise<OpenedRun> {
  const { config, arm } = run, folder = join(config.output, "checkpoints");
  if (arm.untuned) {
    throw new UserError(
      `"${arm.name}" was not trained: there is no training to go on with; open another arm`,
    );
  }
  const saved = await loadCheckpoint(folder, { faultOf: (one) => runFault(one, ADT_TENSORS) });
  if (!saved) {
    throw new UserError(`${runName(run)}: no checkpoint is in ${folder}; was it deleted?`);
  }
  const tuning = await prepareTuning(config);
  return { tuning, state: resumedState(saved.tensors, tuning), step: saved.step };
}
