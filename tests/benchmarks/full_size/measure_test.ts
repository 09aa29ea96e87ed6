import assert from "node:assert/strict";
import { join } from "node:path";
import { differenceOf } from "../../../src/benchmarks/full_size/differences.ts";
import type { MeasuredTask } from "../../../src/benchmarks/full_size/job.ts";
import { measureModel, type MeasureOptions } from "../../../src/benchmarks/full_size/measure.ts";
import type { FullSizeMeasurement } from "../../../src/benchmarks/full_size/measurement.ts";
import { SIDES } from "../../../src/benchmarks/full_size/sides.ts";
import { writeConfig } from "../../../src/benchmarks/full_size/write_config.ts";
import { loadConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { withFolder } from "../../cli/support.ts";
import { saveBackbone } from "../../experiments/tune/tiny_tuning.ts";
import { copyPipeline, removeT5 } from "../../pipelines/copies.ts";
import { withEnvironment } from "../../runtime/engine/environment.ts";
import { startTestEngine } from "../../support.ts";

const PYTHON = Deno.env.get("ADT_PYTORCH") || undefined;
const RESOLUTION = 32;

await startTestEngine();

/** Measures a tiny pipeline as the command measures a large one. */
async function measureTiny(
  name: "sd15" | "sdxl" | "sd3",
  tasks: readonly MeasuredTask[],
  { withT5 = true, ...options }: Partial<MeasureOptions> & { withT5?: boolean },
): Promise<FullSizeMeasurement[]> {
  const measured: FullSizeMeasurement[] = [];
  const model = { name, title: `tiny ${name}`, resolution: RESOLUTION, tasks };
  await copyPipeline(`pipeline_${name}`, (pipeline) =>
    withFolder(async (files) => {
      if (!withT5) await removeT5(pipeline);
      const backbone = join(files, "vit");
      await saveBackbone(backbone);
      const config = await writeConfig(files, model, { pipeline, backbone });
      await onTinyBackbone(config);
      const all = { precision: ["float32"], limitGib: 8, python: undefined, ...options } as const;
      await measureModel(model, { config, files }, all, (one) => void measured.push(one));
    }));
  return measured;
}

/** The configuration's discriminator judges the test's backbone. */
async function onTinyBackbone(file: string): Promise<void> {
  const config = await loadConfig(file, tuneSchema) as PipelineTuneConfig, { adt } = config;
  const discriminator = { ...adt.discriminator, blocks: [0], resolution: 28 };
  await Deno.writeTextFile(file, stringifyConfig({ ...config, adt: { ...adt, discriminator } }));
}

Deno.test("measureModel() tells time, memory and losses of each task of a pipeline", () =>
  withEnvironment({ ADT_BACKEND: "wasm" }, async () => {
    const measured = await measureTiny("sd15", ["forward", "sample", "image", "adt"], {});
    assert.deepEqual(measured.map(({ task }) => task), ["forward", "sample", "image", "adt"]);
    for (const one of measured) {
      assert.equal(one.side, "ours");
      assert.ok(one.peak_mib! > 10 && one.seconds.length > 0, JSON.stringify(one));
      assert.equal(one.recording_seconds, 0); // WebAssembly runs functions as they are
    }
    const { parts } = measured[2]!, { loss_adv, loss_diffusion } = measured[3]!.outputs!;
    assert.deepEqual([parts!.call.length, parts!.calls], [3, 21]); // PNDM makes a step twice
    assert.ok(Number.isFinite(loss_adv![0]) && loss_diffusion![0]! > 0);
  }));

Deno.test({
  name: "in bfloat16 and with an int8 base the tasks compute nearly the same, and recordings are timed",
  ignore: !onTensorflow(),
  async fn() {
    const measured = await measureTiny("sd3", ["encode", "sample"], {
      precision: ["float32", "bfloat16", "int8"],
    });
    assert.deepEqual(measured.map(({ task, side }) => `${task} ${side}`), [
      ...["encode ours", "encode ours, bfloat16", "encode ours, bfloat16, int8 base"],
      ...["sample ours", "sample ours, bfloat16", "sample ours, bfloat16, int8 base"],
    ]);
    for (const one of measured) {
      assert.ok(one.recording_seconds! > 0);
      if (one.side === "ours") continue;
      const difference = differenceOf(one, measured)!;
      assert.ok(difference > 0 && difference < 5e-2, `${one.side}, ${one.task}: ${difference}`);
    }
  },
});

const TASKS = {
  sd15: ["forward", "sample", "image", "adt"],
  sdxl: ["sample", "adt"],
  sd3: ["encode", "sample", "adt"],
} as const;

/** Of the largest; sums of a few products each average out less than those of large networks do. */
const ALLOWED = { float32: 1e-3, bfloat16: 0.1 };

for (const label of ["sd15", "sdxl", "sd3", "sd3 without T5"] as const) {
  const name = label === "sd3 without T5" ? "sd3" : label;
  Deno.test({
    name:
      `PyTorch + diffusers compute the same calls, texts, images and the same ADT step of a LoRA of ${label}`,
    ignore: !PYTHON || !onTensorflow(),
    async fn() {
      const precision = ["float32", "bfloat16"] as const;
      const measured = await measureTiny(name, TASKS[name], {
        precision,
        python: PYTHON,
        withT5: label === name,
      });
      assert.equal(measured.length, 4 * TASKS[name].length);
      for (const one of measured.filter(({ side }) => side !== "PyTorch")) {
        assert.equal(one.failed, undefined);
        const allowed = ALLOWED[SIDES.find((side) => side.name === one.side)!.precision];
        const difference = differenceOf(one, measured)!;
        assert.ok(difference < allowed, `${one.side}, ${one.task}: ${difference}`);
      }
    },
  });
}
