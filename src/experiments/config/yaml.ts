/**
 * YAML of users as plain settings: of bounded size, without circles.
 * @module
 */
import { parse } from "@std/yaml";
import { UserError } from "../../runtime/errors.ts";
import { readTextFile } from "../../runtime/text_file.ts";
import { cut } from "../../runtime/wording.ts";
import { isRecord } from "../../weights/config.ts";

/** Most bytes of a configuration or a study; the longest of this project has 4,000. */
const MOST_BYTES = 64_000;

/** Mappings and lists within each other. */
const MOST_LEVELS = 50;

/**
 * The mapping that a YAML text holds; an empty one for an empty text.
 *
 * @param file where the text comes from, for error messages, which do not repeat it: it may be no configuration at all
 * @throws UserError for a syntax error (file and line are named), for what is no mapping, and for a text that is too large
 */
export function parseYaml(text: string, file: string): Record<string, unknown> {
  if (text.length > MOST_BYTES) {
    throw new UserError(
      `${file} has more than ${MOST_BYTES} characters, the most that is read of a configuration`,
    );
  }
  let given: unknown;
  try {
    given = parse(text) ?? {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`${file} is not valid YAML: ${cut(error.message, 300)}`, { cause: error });
  }
  if (!isRecord(given) || given instanceof Date) {
    const kind = Array.isArray(given) ? "a list" : typeof given === "string" ? "a text" : "a single value";
    throw new UserError(`${file}: the whole file: got ${kind}, expected a mapping of keys to values`);
  }
  checkNesting(given, file);
  return given;
}

/** Reads a YAML file; see {@linkcode parseYaml}. @throws UserError also when the file cannot be read */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  return parseYaml(await readTextFile(file, MOST_BYTES), file);
}

/**
 * Checks that settings end: YAML's aliases can make a value part of itself. And that no key is `__proto__`, which
 * JavaScript keeps for itself, so that what stands under it would be lost.
 *
 * @throws UserError that names the key
 */
export function checkNesting(settings: object, file: string): void {
  const checked = new Set<object>(), above = new Set<object>();
  const check = (value: unknown, path: readonly string[]) => {
    const refuse = (why: string): never => {
      const end = path.length > 8 ? [...path.slice(0, 8), "…"] : path;
      throw new UserError(`${file}: ${end.map((key) => cut(key)).join(".")}: ${why}`);
    };
    if (path.at(-1) === "__proto__") refuse("this name cannot be used; choose another");
    if (typeof value !== "object" || value === null || value instanceof Date) return;
    if (above.has(value)) refuse("an alias refers to what it is part of; write out what is meant");
    if (checked.has(value)) return;
    if (path.length > MOST_LEVELS) refuse(`it is nested more than ${MOST_LEVELS} levels deep`);
    above.add(value);
    for (const [key, item] of Object.entries(value)) check(item, [...path, key]);
    above.delete(value);
    checked.add(value);
  };
  check(settings, []);
}
