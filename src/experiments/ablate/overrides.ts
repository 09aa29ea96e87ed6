import { isRecord } from "../../weights/config.ts";
import type { TuneConfig } from "../tune/config.ts";

/** Settings nested in settings, as YAML has them. */
export type Settings = { [key: string]: unknown };

/**
 * Settings with some of them changed. Mappings are merged key by key; one with another `kind` replaces the base's, whose
 * other keys belong to the other kind. Lists and values replace.
 *
 * ```ts
 * import { overridden } from "./overrides.ts";
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

/** A setting by its path, e.g. adt.plan.steps. */
type FlatSettings = Map<string, unknown>;

/** All settings by their paths; a list is one setting. */
function flatSettings(settings: Settings, prefix = ""): FlatSettings {
  return new Map(
    Object.entries(settings).flatMap(([key, value]) =>
      isRecord(value) ? [...flatSettings(value, `${prefix}${key}.`)] : [[`${prefix}${key}`, value] as const]
    ),
  );
}

/** The settings in which configurations differ, each with one value per configuration. */
export function differingSettings(configs: readonly Omit<TuneConfig, "output">[]): Map<string, unknown[]> {
  const flat = configs.map((config) => flatSettings(config)),
    keys = new Set(flat.flatMap((one) => [...one.keys()]));
  const rows = [...keys].map((key) => [key, flat.map((one) => one.get(key))] as const);
  return new Map(rows.filter(([, values]) => new Set(values.map((value) => JSON.stringify(value))).size > 1));
}
