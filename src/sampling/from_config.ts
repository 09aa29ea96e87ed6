import { UserError } from "../runtime/errors.ts";
import type { Config } from "../weights/config.ts";
import { ddim } from "./ddim.ts";
import { euler } from "./euler.ts";
import type { Sampler } from "./sampler.ts";
import { readSchedulerConfig } from "./scheduler_config.ts";

const SAMPLERS: Readonly<Record<string, (config: Config, steps: number) => Sampler>> = {
  DDIMScheduler: ddim,
  EulerDiscreteScheduler: euler,
};

/**
 * The sampler that a diffusers scheduler config names.
 *
 * ```ts
 * import { samplerFromConfig } from "./from_config.ts";
 * const sampler = samplerFromConfig({ _class_name: "DDIMScheduler", steps_offset: 1 }, 10);
 * console.log(sampler.timesteps[0]); // 901
 * ```
 *
 * @throws UserError that names the class or value that is not supported.
 */
export function samplerFromConfig(config: Config, steps: number): Sampler {
  const name = String(config["_class_name"]);
  const make = Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
  if (make) return make(config, steps);
  throw new UserError(
    `scheduler config is for ${name}, expected ${
      Object.keys(SAMPLERS).join(" or ")
    }; to sample from the same noise ` +
      'schedule with another method, change "_class_name"',
  );
}

/**
 * Loads a sampler from `scheduler_config.json`, its folder, or a diffusers pipeline's folder.
 *
 * @throws UserError if there is none, or as `samplerFromConfig` does.
 */
export async function loadSampler(path: string, steps: number): Promise<Sampler> {
  return samplerFromConfig(await readSchedulerConfig(path), steps);
}
