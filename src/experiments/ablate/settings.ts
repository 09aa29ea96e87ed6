/**
 * The settings of a study's arms: a base with changes, checked as a tune configuration is.
 * @module
 */
import { UserError } from "../../runtime/errors.ts";
import { checkConfig, parseConfig, stringifyConfig } from "../config/config.ts";
import { readYaml } from "../config/yaml.ts";
import { isRecord } from "../../weights/config.ts";
import { type TuneConfig, tuneSchema } from "../tune/config.ts";
import { overridden, type Settings } from "../config/overridden.ts";

/** A base once it is known to be right. */
export interface Base {
  /** As they were given. */
  settings: Settings;
  /** Defaults filled in. */
  config: TuneConfig;
}

/**
 * Reads a base.
 *
 * @param base path of a tune configuration, or its settings
 * @param file of the study, for error messages about settings in it
 */
export async function loadBase(base: string | Settings, file: string): Promise<Base> {
  if (typeof base === "string") {
    const settings: Settings = await readYaml(base);
    return { settings, config: checkConfig(settings, base, tuneSchema) };
  }
  const settings = { output: "unused", ...base };
  return { settings, config: parseSettings(settings, `${file}: base`) };
}

function parseSettings(settings: Settings, what: string): TuneConfig {
  return parseConfig(stringifyConfig(settings), what, tuneSchema);
}

export interface ArmSettings {
  name: string;
  changes: Settings;
  untuned: boolean;
  base: Settings;
  file: string;
}

/** What an untuned arm may change; how it is sampled is the study's to say. */
const OF_UNTUNED = ["model"];

/**
 * The whole settings of an arm.
 *
 * @throws UserError that names the arm and the key
 */
export function parseArm({ name, changes, untuned, base, file }: ArmSettings): TuneConfig {
  const refuse = (key: string, why: string): never => {
    throw new UserError(`${file}: arms.${name}.${key}: ${why}`);
  };
  if ("output" in changes) {
    refuse("output", "each run has a folder of its own in the study's output; remove it");
  }
  if (isRecord(changes.train) && "seed" in changes.train) {
    refuse("train.seed", "the study's `seeds` say it for all arms; remove it");
  }
  if (untuned && "sampler" in changes) {
    refuse(
      "sampler",
      "an untuned arm is sampled as all arms are; say how in `evaluate`: samplers, steps, guidance_scales",
    );
  }
  const idle = Object.keys(changes).find((key) => !OF_UNTUNED.includes(key));
  if (untuned && idle) {
    refuse(idle, `an untuned arm is not trained; allowed here: ${OF_UNTUNED.join(", ")}, base, untuned`);
  }
  return parseSettings(overridden(base, changes), `${file}: arms.${name}`);
}
