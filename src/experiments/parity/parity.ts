import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { isFile } from "../../runtime/files.ts";
import { modelParity } from "./model.ts";
import { formatParity, type ParityRow } from "./rows.ts";
import { schedulerParity } from "./scheduler.ts";

export { formatParity, type ParityRow };

export interface ParityOptions {
  /** Largest relative error allowed. Default: 1e-4 for outputs and trajectories, 1e-3 for gradients. */
  tolerance?: number;
  /** μ that a scheduler with `use_dynamic_shifting` was recorded with. */
  mu?: number;
}

/**
 * Compares a checkpoint with what PyTorch computed from it. The folder has `config.json`, the weights,
 * `inputs.safetensors` and `outputs.safetensors`; or, for a scheduler, `scheduler_config.json` and
 * `outputs.safetensors`. Names are those of the PyTorch class, images and latents [B,C,H,W] as there.
 *
 * ```ts
 * import { fileURLToPath } from "node:url";
 * import * as tf from "@tensorflow/tfjs";
 * import { formatParity, parity } from "./parity.ts";
 * await tf.setBackend("cpu");
 * const rows = await parity(fileURLToPath(new URL("../../../tests/fixtures/scheduler_ddim", import.meta.url)));
 * console.log(formatParity(rows)); // timesteps, trajectory: all 2 agree
 * ```
 *
 * @returns a row for each recorded tensor, gradients last
 * @throws UserError for a missing or broken file, an unsupported class, and names or shapes that do not fit
 */
export async function parity(folder: string, { tolerance, mu }: ParityOptions = {}): Promise<ParityRow[]> {
  if (await isFile(join(folder, "scheduler_config.json"))) {
    return await schedulerParity(folder, tolerance ?? 1e-4, { mu });
  }
  if (mu !== undefined) {
    throw new UserError(`mu is for schedulers, and ${folder} has no scheduler_config.json`);
  }
  if (!await isFile(join(folder, "config.json"))) {
    throw new UserError(
      `${folder}: there is no config.json and no scheduler_config.json; give the folder of a checkpoint or a scheduler`,
    );
  }
  return await modelParity(folder, { outputs: tolerance ?? 1e-4, gradients: tolerance ?? 1e-3 });
}
