import assert from "node:assert/strict";
import { flowSchedule } from "../../src/sampling/flow_schedule.ts";
import { dynamicShift } from "../../src/sampling/flow_match_euler.ts";
import { samplerFromConfig } from "../../src/sampling/from_config.ts";
import { noiseSchedule } from "../../src/sampling/noise_schedule.ts";
import { SAMPLER_CLASSES } from "../../src/sampling/sampler_names.ts";
import { MOST_TIMESTEPS, readSchedulerConfig } from "../../src/sampling/scheduler_config.ts";
import type { Config } from "../../src/weights/config.ts";
import { mutations, refused, resultOrUserError } from "../mutations.ts";
import { fixture } from "../support.ts";

const CONFIGS: Config[] = [];
for (const { name } of Deno.readDirSync(fixture(""))) {
  if (!name.startsWith("scheduler_")) continue;
  CONFIGS.push(await readSchedulerConfig(fixture(name)));
}

for (const _class_name of Object.values(SAMPLER_CLASSES)) {
  Deno.test(`${_class_name}: counts of timesteps that no network was trained with are refused`, async () => {
    const counts = {
      num_train_timesteps: [3e7, 1e8, 1e308],
      ..._class_name !== "FlowMatchEulerDiscreteScheduler" && {
        trained_betas: [Array(1e6).fill(0.01), Array(1e6).fill("x")],
        steps_offset: [3e7, 1e308],
      },
    };
    for (const [key, values] of Object.entries(counts)) {
      for (const value of values) {
        const began = performance.now();
        const { message } = await refused(key, () => samplerFromConfig({ _class_name, [key]: value }, 10));
        assert.match(message, new RegExp(key));
        assert.ok(message.length < 1000 && performance.now() - began < 2000, `${key}: ${message.length}`);
      }
    }
  });

  Deno.test(`${_class_name} makes as many steps as are allowed`, () => {
    const config = { _class_name, num_train_timesteps: MOST_TIMESTEPS, timestep_spacing: "trailing" };
    const sampler = samplerFromConfig({ ...config, beta_end: 0.0002 }, MOST_TIMESTEPS - 1);
    assert.ok(sampler.timesteps.length >= MOST_TIMESTEPS - 1);
  });
}

Deno.test("any JSON in the place of a scheduler's config gives a sampler or a UserError", async () => {
  for (const config of CONFIGS) {
    const mu = config.use_dynamic_shifting ? 0.8 : undefined;
    for (const { mutant, told } of mutations(config, 60)) {
      const odd = mutant as Config;
      await resultOrUserError(`${config._class_name}: ${told}`, () => samplerFromConfig(odd, 10, { mu }));
      for (
        const use of [
          noiseSchedule,
          (odd: Config) => flowSchedule(odd, mu),
          (odd: Config) => dynamicShift(odd, 64),
        ]
      ) {
        await resultOrUserError(told, () => use(odd));
      }
    }
  }
});
