import { UserError } from "../runtime/errors.ts";
import { named } from "../runtime/wording.ts";
import type { Config } from "../weights/config.ts";
import { ddim } from "./ddim.ts";
import { ddpm } from "./ddpm.ts";
import { dpmSolver } from "./dpm_solver.ts";
import { euler } from "./euler.ts";
import { eulerAncestral } from "./euler_ancestral.ts";
import { flowMatchEuler } from "./flow_match_euler.ts";
import { heun } from "./heun.ts";
import { pndm } from "./pndm.ts";
import type { Sampler } from "./sampler.ts";
import { readSchedulerConfig, whereOf } from "./scheduler_config.ts";
import { currentWords, ownSettings } from "./scheduler_keys.ts";

/** What a sampler needs besides its config and number of steps. */
export interface SamplerOptions {
  /** μ of a flow-matching sampler with `use_dynamic_shifting`; see `dynamicShift`. */
  mu?: number;
}

type Make = (config: Config, steps: number, options: SamplerOptions) => Sampler;

const SAMPLERS: Readonly<Record<string, Make>> = {
  DDIMScheduler: (config, steps) => ddim(config, steps),
  DDPMScheduler: ddpm,
  DPMSolverMultistepScheduler: dpmSolver,
  EulerAncestralDiscreteScheduler: eulerAncestral,
  EulerDiscreteScheduler: euler,
  FlowMatchEulerDiscreteScheduler: (config, steps, { mu }) => flowMatchEuler(config, steps, mu),
  HeunDiscreteScheduler: heun,
  PNDMScheduler: pndm,
};

/**
 * The sampler that a diffusers scheduler config names. As with diffusers' `from_config`, the config may have been written
 * for another class: settings that the class does not have are left alone.
 *
 * ```ts
 * import { samplerFromConfig } from "./from_config.ts";
 * const sampler = samplerFromConfig({ _class_name: "DDIMScheduler", steps_offset: 1 }, 10);
 * console.log(sampler.timesteps[0]); // 901
 * ```
 *
 * @throws UserError that names the class or value that is not supported.
 */
export function samplerFromConfig(config: Config, steps: number, options: SamplerOptions = {}): Sampler {
  const name = config["_class_name"];
  const make = typeof name === "string" && Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
  if (make) return make(ownSettings(currentWords(config)), steps, options);
  throw new UserError(
    `${whereOf(config)} is for ${named(name)}, expected one of ${
      Object.keys(SAMPLERS).join(", ")
    }; to sample from the same noise ` +
      'schedule with another method, change "_class_name"',
  );
}

/**
 * Loads a sampler from `scheduler_config.json`, its folder, or a diffusers pipeline's folder.
 *
 * @throws UserError if there is none, or as `samplerFromConfig` does.
 */
export async function loadSampler(
  path: string,
  steps: number,
  options: SamplerOptions = {},
): Promise<Sampler> {
  return samplerFromConfig(await readSchedulerConfig(path), steps, options);
}
