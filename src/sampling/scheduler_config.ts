import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../runtime/errors.ts";
import { isFile } from "../runtime/files.ts";
import { listed, meant, named, quoted } from "../runtime/wording.ts";
import { type Config, readJsonObject } from "../weights/config.ts";
import { SCHEDULER_KEYS } from "./scheduler_keys.ts";

/** diffusers writes null for "not set"; keys it does not write take diffusers' default. */
export function setting<T extends z.ZodType>(type: T, fallback: z.output<T>) {
  return z.preprocess((value) => value ?? fallback, type);
}

/**
 * Most training timesteps that a config may name, a hundred times what networks are trained with: each has its place in
 * tables that are computed before anything else is known.
 */
export const MOST_TIMESTEPS = 100_000;

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
    return `${path.join(".")}: ${quoted(config[key])}: ${message}`;
  });
  const owner = `${whereOf(config)} of ${named(config["_class_name"] ?? "no class")}`;
  throw new UserError(`${owner}:\n  ${listed(faults, "\n  ")}`);
}

/** The file that a config was read from; copies of the config keep it. */
const FILE = Symbol("file");

/** Names a config in errors: by its file, if it was read from one. */
export function whereOf(config: Config): string {
  return (config as { [FILE]?: string })[FILE] ?? "scheduler config";
}

const HINT = "give a scheduler_config.json or a folder that holds one";

/**
 * Reads `scheduler_config.json`: `path` is the file, its folder, or a diffusers pipeline's folder (with
 * `scheduler/`). Infinities as Python writes them are understood. Keys that no scheduler has are told on stderr.
 *
 * @throws UserError if it is missing or not a JSON object.
 */
export async function readSchedulerConfig(path: string): Promise<Config> {
  const files = [join(path, "scheduler_config.json"), join(path, "scheduler", "scheduler_config.json")];
  for (const file of files) if (await isFile(file)) return await readConfigFile(file);
  return await readConfigFile(path);
}

async function readConfigFile(path: string): Promise<Config> {
  const config = await readJsonObject(path, HINT);
  const unknown = Object.keys(config).filter((key) => !key.startsWith("_") && !SCHEDULER_KEYS.includes(key));
  if (unknown.length) {
    const named = unknown.map((key) => `${quoted(key)}${meant(key, SCHEDULER_KEYS)}`);
    console.error(`${path}: unknown keys are ignored: ${listed(named)}`);
  }
  return Object.assign(config, { [FILE]: path });
}
