import assert from "node:assert/strict";
import { join } from "node:path";
import { measureModel } from "../../../src/benchmarks/full_size/main.ts";
import { writeConfig } from "../../../src/benchmarks/full_size/models.ts";
import type { FullSizeCase } from "../../../src/benchmarks/full_size/results.ts";
import { loadConfig, stringifyConfig } from "../../../src/experiments/config/config.ts";
import { type PipelineTuneConfig, tuneSchema } from "../../../src/experiments/tune/config.ts";
import { withFolder } from "../../cli/support.ts";
import { saveBackbone } from "../../experiments/tune/tiny_tuning.ts";
import { copyPipeline } from "../../pipelines/copies.ts";
import { withEnvironment } from "../../runtime/engine/environment.ts";
import { startTestEngine } from "../../support.ts";

const PYTHON = Deno.env.get("ADT_PYTORCH") || undefined;
const RESOLUTION = 32;

/** Measures a tiny pipeline as the command measures a large one. */
async function measureTiny(
  name: "sd15" | "sdxl" | "sd3",
  python?: string,
  limitGib = 8,
): Promise<FullSizeCase[]> {
  const cases: FullSizeCase[] = [], model = { name, title: "tiny", resolution: RESOLUTION };
  await startTestEngine();
  await copyPipeline(`pipeline_${name}`, (pipeline) =>
    withFolder(async (files) => {
      const backbone = join(files, "vit");
      await saveBackbone(backbone);
      const config = await writeConfig(files, model, { pipeline, backbone });
      await onTinyBackbone(config);
      const tasks = name === "sd15" ? ["forward", "sample", "adt"] as const : ["sample", "adt"] as const;
      await measureModel(model, tasks, { config, files }, limitGib, python, (one) => void cases.push(one));
    }));
  return cases;
}

/** The configuration's discriminator judges the test's backbone. */
async function onTinyBackbone(file: string): Promise<void> {
  const config = await loadConfig(file, tuneSchema) as PipelineTuneConfig, { adt } = config;
  const discriminator = { ...adt.discriminator, blocks: [0], resolution: 28 };
  await Deno.writeTextFile(file, stringifyConfig({ ...config, adt: { ...adt, discriminator } }));
}

Deno.test("measureModel() tells time, memory and losses of each task of a pipeline", () =>
  withEnvironment({ ADT_BACKEND: "wasm" }, async () => {
    const cases = await measureTiny("sd15");
    assert.deepEqual(cases.map(({ task }) => task), ["forward", "sample", "adt"]);
    for (const { measurements: [ours, ...others] } of cases) {
      assert.equal(others.length, 0);
      assert.ok(ours!.peak_mib! > 10 && ours!.seconds.length > 0, JSON.stringify(ours));
    }
    const { loss_adv, loss_diffusion } = cases[2]!.measurements[0]!.outputs!;
    assert.ok(Number.isFinite(loss_adv![0]) && loss_diffusion![0]! > 0);
  }));

for (const name of ["sd15", "sdxl", "sd3"] as const) {
  Deno.test({
    name: `PyTorch + diffusers compute the same calls and the same ADT step of ${name}'s LoRA`,
    ignore: !PYTHON,
    async fn() {
      for (const { task, disagreement } of await measureTiny(name, PYTHON)) {
        assert.ok(disagreement! < 1e-3, `${task}: ${disagreement}`);
      }
    },
  });
}
