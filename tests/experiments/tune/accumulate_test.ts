import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { tuneSchema } from "../../../src/experiments/tune/config.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { LORA_FILE_NAME } from "../../../src/lora/lora_file.ts";
import { readMetrics } from "../../../src/training/metrics_log.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { assertClose } from "../../support.ts";
import { withPipelineTuning } from "./tiny_pipeline_tuning.ts";

Deno.test("train.accumulate: 2 is a batch twice as large", () =>
  withPipelineTuning("pipeline_sd15", async (given, _, folder) => {
    const tuned = async (name: string, train: object) => {
      const settings = { ...given, train: { ...given.train, ...train }, output: join(folder, name) };
      const { weights, metricsFile } = await tune(
        parseConfig(stringifyConfig(settings), "settings", tuneSchema),
      );
      const log = (await readMetrics(metricsFile)).map(({ plans: _, ...metrics }) =>
        metrics as Record<string, number>
      );
      return { tensors: await readTensors(join(weights, LORA_FILE_NAME)), log };
    };
    const whole = await tuned("whole", { batch_size: 2 });
    const parts = await tuned("parts", { batch_size: 1, accumulate: 2 });
    for (const [i, metrics] of parts.log.entries()) {
      assert.deepEqual(Object.keys(metrics), Object.keys(whole.log[i]!));
      assertClose(Object.values(metrics), Object.values(whole.log[i]!), { relative: 1e-5 });
    }
    for (const [name, { data }] of Object.entries(parts.tensors)) {
      const expected = whole.tensors[name]!.data; // an update changes a weight by up to 1e-3
      for (const [k, value] of data.entries()) {
        assert.ok(Math.abs(Number(value) - Number(expected[k])) < 1e-6, name);
      }
    }
  }));

Deno.test("train.accumulate that does not fit the groups is refused", () =>
  withPipelineTuning("pipeline_sd15", (config) => {
    const refused = (groups: number, train: object, message: RegExp) => {
      const settings = {
        ...config,
        adt: { ...config.adt, start_groups: groups },
        train: { ...config.train, ...train },
      };
      assert.throws(() => parseConfig(stringifyConfig(settings), "settings", tuneSchema), {
        name: "UserError",
        message,
      });
    };
    refused(
      4,
      { batch_size: 2, accumulate: 6 },
      /train\.accumulate: must divide adt\.start_groups, or be divided/,
    );
    refused(
      4,
      { batch_size: 3, accumulate: 2 },
      /adt\.start_groups: must divide train\.batch_size \(times train\.accumulate\)/,
    );
    refused(1, { accumulate: 0 }, /train\.accumulate: got 0, expected at least 1/);
    return Promise.resolve();
  }));
