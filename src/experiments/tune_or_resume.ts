import { join } from "node:path";
import { loadConfig } from "./config.ts";
import { checkSameConfig } from "./same_config.ts";
import { tune, type TuneOptions } from "./tune.ts";
import { type TuneConfig, tuneSchema } from "./tune_config.ts";

/** What the folder of a tuning holds. */
export async function tuningIn(folder: string): Promise<"nothing" | "unfinished" | "finished"> {
  if (!await exists(join(folder, "config.yaml"))) return "nothing";
  return await exists(join(folder, "weights", "config.json")) ? "finished" : "unfinished"; // written last
}

/**
 * Brings a tuning to its end from wherever it stands: starts it, goes on with it, or leaves a finished one as it is.
 *
 * @returns the folder of the tuned network; null when the signal stopped the run
 * @throws UserError if the folder holds a run with other settings
 */
export async function tuneOrResume(
  config: TuneConfig,
  options: Omit<TuneOptions, "resume">,
): Promise<string | null> {
  const state = await tuningIn(config.output);
  if (state === "finished") {
    const file = join(config.output, "config.yaml");
    checkSameConfig(await loadConfig(file, tuneSchema), config, file);
    return join(config.output, "weights");
  }
  const { weights, steps } = await tune(config, { ...options, resume: state === "unfinished" });
  return steps === config.train.steps ? weights : null;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
