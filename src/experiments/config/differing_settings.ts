import { isRecord } from "../../weights/config.ts";
import type { Settings } from "./overridden.ts";

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
export function differingSettings(configs: readonly object[]): Map<string, unknown[]> {
  const flat = configs.map((config) => flatSettings({ ...config })),
    keys = new Set(flat.flatMap((one) => [...one.keys()]));
  const rows = [...keys].map((key) => [key, flat.map((one) => one.get(key))] as const);
  return new Map(rows.filter(([, values]) => new Set(values.map((value) => JSON.stringify(value))).size > 1));
}
