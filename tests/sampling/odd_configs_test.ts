import assert from "node:assert/strict";
import { samplerFromConfig } from "../../src/sampling/from_config.ts";
import { SAMPLER_CLASSES } from "../../src/sampling/sampler_names.ts";
import { MOST_TIMESTEPS } from "../../src/sampling/scheduler_config.ts";
import { refused } from "../refused.ts";

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
