import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { LORA_FILE_NAME } from "../../lora/lora_file.ts";
import { isThere } from "../../runtime/files.ts";
import { type Checkpoint, loadCheckpoint } from "../../training/checkpoint.ts";
import { loadConfig } from "../config/config.ts";
import { checkSameConfig } from "../config/same_config.ts";
import { runFault } from "../runs/run_state.ts";
import { ADT_TENSORS } from "../runs/state_tensors.ts";
import { type TuneConfig, tuneSchema } from "./config.ts";
import { mendCost, readCost } from "./cost.ts";
import { tune, type TuneOptions } from "./tune.ts";

/** What the output folder of a tuning holds. */
export async function tuningIn(
  { output, model }: TuneConfig,
): Promise<"nothing" | "unfinished" | "finished"> {
  if (!await isThere(join(output, "config.yaml"))) return "nothing";
  return await isThere(join(output, "weights", lastFile(model))) ? "finished" : "unfinished";
}

/** What a tuning writes last. */
function lastFile(model: TuneConfig["model"]): string {
  if (!("pipeline" in model)) return "config.json";
  return model.tune === "lora" ? LORA_FILE_NAME : "model_index.json";
}

/**
 * Brings a tuning to its end from wherever it stands: starts it, goes on with it, or leaves a finished one as it is, but for
 * what it cost, if only that is missing.
 *
 * @returns the folder of the tuned network; null when the signal stopped the run
 * @throws UserError if the folder holds a run with other settings
 */
export async function tuneOrResume(
  config: TuneConfig,
  options: Omit<TuneOptions, "resume">,
): Promise<string | null> {
  const state = await tuningIn(config);
  if (state === "finished") {
    const file = join(config.output, "config.yaml");
    checkSameConfig({ ...await loadConfig(file, tuneSchema), output: config.output }, config, file);
    if (!await readCost(config)) await mendFromCheckpoint(config);
    return join(config.output, "weights");
  }
  const { weights, steps } = await tune(config, { ...options, resume: state === "unfinished" });
  return steps === config.train.steps ? weights : null;
}

async function mendFromCheckpoint(config: TuneConfig): Promise<void> {
  const faultOf = (checkpoint: Checkpoint) => runFault(checkpoint, ADT_TENSORS);
  const saved = await loadCheckpoint(join(config.output, "checkpoints"), { faultOf });
  tf.dispose(saved?.tensors ?? []);
  if (saved?.step === config.train.steps) await mendCost(config, saved.state);
}
