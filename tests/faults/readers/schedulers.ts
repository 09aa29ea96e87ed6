import fc from "fast-check";
import { dynamicShift } from "../../../src/sampling/flow_match_euler.ts";
import { flowSchedule } from "../../../src/sampling/flow_schedule.ts";
import { samplerFromConfig } from "../../../src/sampling/from_config.ts";
import { noiseSchedule } from "../../../src/sampling/noise_schedule.ts";
import { readSchedulerConfig } from "../../../src/sampling/scheduler_config.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { fixture } from "../../support.ts";
import { oddJsonFile } from "../odd_json.ts";
import type { Reader } from "../reader.ts";

const CONFIGS: unknown[] = [];
for (const { name } of Deno.readDirSync(fixture(""))) {
  if (name.startsWith("scheduler_")) {
    CONFIGS.push(await readSchedulerConfig(fixture(name)));
  }
}

/** A `scheduler_config.json`, and everything that is made of it. */
export const schedulers: Reader = {
  name: "scheduler_config.json",
  share: 150,
  inputs: fc.oneof(...CONFIGS.map(oddJsonFile)).map((content) => ({ "scheduler_config.json": content })),
  async read(folder) {
    const config = await readSchedulerConfig(folder), mu = config.use_dynamic_shifting ? 0.8 : undefined;
    refusedOrDone(() => noiseSchedule(config));
    refusedOrDone(() => flowSchedule(config, mu));
    refusedOrDone(() => dynamicShift(config, 64));
    return samplerFromConfig(config, 10, { mu });
  },
};

/** Each of the parts is for some configs only. */
function refusedOrDone(use: () => unknown): void {
  try {
    use();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}
