import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { type Config, readJsonObject } from "../../weights/config.ts";

/** A folder's `preprocessor_config.json`, or nothing where there is none. Errors as `readJsonObject`. */
export async function readPreprocessor(folder: string): Promise<Config> {
  try {
    return await readJsonObject(join(folder, "preprocessor_config.json"), "it says how images are prepared");
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}
