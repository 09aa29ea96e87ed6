import { join } from "node:path";
import type { z } from "zod";
import { isThere } from "../../runtime/files.ts";
import { listed } from "../../runtime/wording.ts";
import { type Checkpoint, loadCheckpoint, type LoadedCheckpoint } from "../../training/checkpoint.ts";
import { openRunFolder, type RunFolder } from "../../training/run_folder.ts";
import { loadConfig, stringifyConfig } from "../config/config.ts";
import { checkSameConfig, type Difference, differenceText } from "../config/same_config.ts";
import { addToHistory, readHistory, retriesIn } from "./history.ts";
import { loweredRate } from "./lowered_rate.ts";
import { goBack, type ResumePoint, updatesAt } from "./resume_point.ts";
import { engineName, type RunConfig, runFault, type RunState } from "./run_state.ts";
import { checkLog } from "./tensorboard.ts";

/** A run whose folder this process holds until it is disposed. */
export interface OpenRun<C extends RunConfig = RunConfig> extends Disposable {
  folder: RunFolder;
  /** Its settings; after retries with their learning rate. */
  config: C;
  /** What a resumed run goes on from, if it got as far as a checkpoint; the tensors are the caller's. */
  saved?: LoadedCheckpoint;
  /** Updates done before. */
  from: number;
}

/**
 * Opens the folder of a new run, or of one that is to go on. With a constant learning rate it may go on for longer than it
 * began with: its updates do not depend on how many come. Its optimisers may change, which its history tells.
 *
 * A run that goes on from an earlier checkpoint drops what came after it.
 *
 * @param kind `schema` reads the configuration that the run began with; `tensors` are the names of those that its
 * checkpoints hold. A checkpoint that is damaged or of something else is passed over, which is told on stderr
 * @throws UserError when the run began with other settings (it is left as it was), and as `openRunFolder` and
 * `loadCheckpoint` do
 */
export async function openRun<C extends RunConfig>(
  config: C,
  { schema, tensors }: { schema: z.ZodType; tensors: readonly string[] },
  resume: ResumePoint = false,
): Promise<OpenRun<C>> {
  checkLog(config);
  const resumed = resume !== false;
  const changed = resumed ? await checkBeginning(config, schema) : [];
  const folder = await openRunFolder(config.output, { config: stringifyConfig(config), resume: resumed });
  const close = () => folder[Symbol.dispose]();
  try {
    const faultOf = (checkpoint: Checkpoint) => runFault(checkpoint, tensors);
    const step = await updatesAt(resume, folder);
    const saved = resumed ? await loadCheckpoint(folder.checkpoints, { faultOf, step }) : undefined;
    for (const reason of saved?.skipped ?? []) console.error(`passed over a checkpoint: ${reason}`);
    if (saved && !saved.verified) {
      console.error(`${saved.path} cannot be verified: an earlier version wrote it, without a checksum`);
    }
    const from = saved?.step ?? 0;
    if (step !== undefined) await goBack(folder, step);
    if (saved) tellEngine(saved.state as RunState);
    if (changed.length > 0) {
      console.error(`goes on from update ${from} with ${listed(changed.map(differenceText))}`);
      await addToHistory(folder.path, { step: from, event: "changed", settings: changed });
    }
    const lowered = loweredRate(config, retriesIn(await readHistory(folder.path)));
    return { folder, config: lowered, saved, from, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Says when a run goes on on another engine than it was on. */
function tellEngine({ engine }: RunState): void {
  const now = engineName();
  if (engine === undefined || engine === now) return;
  console.error(
    `goes on on ${now}, after ${engine}: its numbers may differ by rounding from those it would have had`,
  );
}

/** Settings that a resumed run may change: those of its optimisers, and what changes no weight. */
const MAY_CHANGE = /^(optimizer\.|adt\.discriminator\.(lr|betas)$|train\.retries$|log$)/;

/** The settings that have changed since the run began. */
async function checkBeginning(config: RunConfig, schema: z.ZodType): Promise<Difference[]> {
  const file = join(config.output, "config.yaml");
  if (!await isThere(file)) return [];
  // the folder is where it lies now
  const began = { ...await loadConfig(file, schema) as RunConfig, output: config.output };
  const same = isLonger(config, began) ? withSteps(began, config.train.steps) : began;
  return checkSameConfig(same, config, file, { mayChange: MAY_CHANGE });
}

const isLonger = ({ optimizer, train }: RunConfig, began: RunConfig): boolean =>
  optimizer.schedule === "constant" && train.steps > began.train.steps;

const withSteps = (config: RunConfig, steps: number): RunConfig => ({
  ...config,
  train: { ...config.train, steps },
});
