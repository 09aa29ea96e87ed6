import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import { isFile } from "../runtime/files.ts";
import { type Config, readJsonObject } from "../weights/config.ts";

/** diffusers writes null for "not set"; keys it does not write take diffusers' default. */
export function setting<T extends z.ZodType>(type: T, fallback: z.output<T>) {
  return z.preprocess((value) => value ?? fallback, type);
}

/** A feature that must be off. */
export const off = setting(z.literal(false, { error: "not supported; set it to false" }), false);

/**
 * Checks a scheduler config against a schema. Keys the schema does not know are left alone.
 *
 * @throws UserError that names every bad key, what was given and what is supported.
 */
export function parseScheduler<T extends z.ZodType>(schema: T, config: Config): z.output<T> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => {
    const key = String(path[0]);
    return `${path.join(".")}: ${JSON.stringify(config[key])}: ${message}`;
  });
  throw new UserError(
    `scheduler config of ${config["_class_name"] ?? "no class"}:\n  ${faults.join("\n  ")}`,
  );
}

const HINT = "give a scheduler_config.json or a folder that holds one";

/**
 * Reads `scheduler_config.json`: `path` is the file, its folder, or a diffusers pipeline's folder (with
 * `scheduler/`). Infinities as Python writes them are understood.
 *
 * @throws UserError if it is missing or not a JSON object.
 */
export async function readSchedulerConfig(path: string): Promise<Config> {
  const files = [join(path, "scheduler_config.json"), join(path, "scheduler", "scheduler_config.json")];
  for (const file of files) {
    if (await isFile(file)) return await readJsonObject(file, HINT);
  }
  return await readJsonObject(path, HINT);
}
