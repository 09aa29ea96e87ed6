/**
 * Reading and writing run configurations: YAML in, checked against a schema, every default filled in.
 * @module
 */
import { stringify } from "@std/yaml";
import type { z } from "zod";
import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { explainIssue } from "./issues.ts";
import { assigned, overridden } from "./overridden.ts";
import { parseYaml, readYaml } from "./yaml.ts";

/**
 * The settings that a YAML text holds, checked by `schema`, with defaults for what is not given.
 *
 * ```ts
 * import { parseConfig } from "./config.ts";
 * import { optimizerSchema } from "./parts.ts";
 * const { lr, betas } = parseConfig("lr: 2e-4", "run.yaml", optimizerSchema);
 * console.log(lr, betas); // 0.0002 [ 0.9, 0.999 ]
 * ```
 *
 * @param file where the text comes from, for error messages
 * @throws UserError that names file and line of a syntax error, or file and key of every wrong, missing or unknown key,
 * with what was given and what is allowed
 */
export function parseConfig<S extends z.ZodType>(text: string, file: string, schema: S): z.output<S> {
  return checkConfig(parseYaml(text, file), file, schema);
}

/** The same of settings that were read already. */
export function checkConfig<S extends z.ZodType>(given: unknown, file: string, schema: S): z.output<S> {
  const result = schema.safeParse(given, { reportInput: true });
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue) => explainIssue(issue, schema, given));
  const heading = faults.length === 1 ? `${file}: ` : `${file} has ${faults.length} faults:\n  `;
  throw new UserError(heading + listed(faults, "\n  "));
}

/**
 * Reads a configuration file; see {@linkcode parseConfig}.
 *
 * @param set settings of the command line, in place of those of the file
 * @throws UserError also when the file cannot be read
 */
export async function loadConfig<S extends z.ZodType>(
  file: string,
  schema: S,
  set: readonly string[] = [],
): Promise<z.output<S>> {
  const settings = overridden(await readYaml(file), assigned(set));
  return checkConfig(settings, set.length > 0 ? `${file} with --set` : file, schema);
}

/** A configuration as YAML, defaults included; `parseConfig` reads it back as it was. */
export function stringifyConfig(config: unknown): string {
  return stringify(config, { lineWidth: 110, useAnchors: false });
}
