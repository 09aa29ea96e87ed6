import { UserError } from "../../runtime/errors.ts";
import { quoted } from "../../runtime/wording.ts";
import { isRecord } from "../../weights/config.ts";
import { checkNesting, parseYaml } from "./yaml.ts";

/** Settings nested in settings, as YAML has them. */
export type Settings = { [key: string]: unknown };

/**
 * Settings with some of them changed. Mappings are merged key by key; one with another `kind` replaces the base's, whose
 * other keys belong to the other kind. Lists and values replace.
 *
 * ```ts
 * import { overridden } from "./overridden.ts";
 * const base = { plan: { kind: "stop-input", steps: 3 }, lr: 1 };
 * console.log(overridden(base, { plan: { steps: 5 } })); // { plan: { kind: "stop-input", steps: 5 }, lr: 1 }
 * console.log(overridden(base, { plan: { kind: "full" } })); // { plan: { kind: "full" }, lr: 1 }
 * ```
 */
export function overridden(base: Settings, changes: Settings): Settings {
  const result = { ...base };
  for (const [key, change] of Object.entries(changes)) {
    const before = result[key];
    const merges = isRecord(before) && isRecord(change) &&
      (change.kind === undefined || change.kind === before.kind);
    result[key] = merges ? overridden(before, change) : change;
  }
  return result;
}

/**
 * Settings as the command line has them: each a key and a value, which is YAML.
 *
 * ```ts
 * import { assigned } from "./overridden.ts";
 * console.log(assigned(["optimizer.lr=1e-5", "train.steps=20"])); // { optimizer: { lr: 0.00001 }, train: { steps: 20 } }
 * ```
 *
 * @throws UserError for what has no key, and for values that are no YAML
 */
export function assigned(assignments: readonly string[]): Settings {
  return assignments.reduce<Settings>((settings, assignment) => {
    const [, key, value] = /^([^=\s]+)=(.*)$/s.exec(assignment) ?? [];
    if (key === undefined) {
      throw new UserError(
        `--set: got ${quoted(assignment)}, expected a key and its value, like optimizer.lr=1e-5`,
      );
    }
    const where = `--set ${key}`, parsed = parseYaml(`value: ${value}`, where).value;
    const nested = key.split(".").reduceRight<unknown>(
      (inner, name) => ({ [name]: inner }),
      parsed,
    ) as Settings;
    checkNesting(nested, where);
    return overridden(settings, nested);
  }, {});
}
