import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readLora } from "../../src/lora/read.ts";
import { type Loras, writeLora } from "../../src/lora/write.ts";
import { type LoraComponent } from "../../src/lora/components.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { assertClose, fixture, startTestEngine } from "../support.ts";
import { type CaseName, CASES, networksOf, openNetwork, ourLoras } from "./cases.ts";

const recorded = await readTensors(fixture("lora/outputs.safetensors"));

/** Compares what the adapted networks give with what diffusers gave for the file of this name. */
async function assertRecordedOutputs(name: CaseName, file: string, loras: Loras): Promise<void> {
  const expected = Object.keys(recorded).filter((key) => key.startsWith(`${file}.`));
  assert.deepEqual(expected.toSorted(), Object.keys(loras).map((key) => `${file}.${key}`).toSorted());
  for (const [component, { adapter, params }] of Object.entries(loras)) {
    const { model, loadParams, inputs } = await openNetwork(CASES[name][component as LoraComponent]!.folder);
    const outputs = model.call(adapter.apply(await loadParams(), params), await inputs());
    const first = Object.values(outputs)[0] as tf.Tensor;
    const { data, shape } = recorded[`${file}.${component}`]!;
    const output = tf.tensor(data, [...shape]);
    const ours = first.rank === 4 ? first.transpose([0, 3, 1, 2]) : first;
    assertClose(ours, output, { relative: 1e-4 });
  }
}

for (const name of Object.keys(CASES) as CaseName[]) {
  for (const layout of ["diffusers", "kohya"] as const) {
    const file = `ours_${name}_${layout}`;
    if (file !== "ours_sd3_kohya") { // diffusers does not read this one
      Deno.test(`diffusers' pipeline gives our outputs with our file (${file})`, async () => {
        await startTestEngine();
        await assertRecordedOutputs(name, file, await ourLoras(name));
      });
    }

    Deno.test(`writeLora() writes the file that diffusers was given (${file})`, async () => {
      await startTestEngine();
      const path = await Deno.makeTempFile();
      try {
        await writeLora(path, await ourLoras(name), { layout, dtype: "F32" });
        assert.deepEqual(await readTensors(path), await readTensors(fixture(`lora/${file}.safetensors`)));
      } finally {
        await Deno.remove(path);
      }
    });
  }
}

for (
  const file of [
    "diffusers_sd15",
    "diffusers_sdxl",
    "diffusers_sd3",
    "diffusers_sd15_plain",
    "diffusers_sd15_lora_linear_layer",
    "diffusers_sd15_processor",
    "diffusers_sd15_kohya",
  ]
) {
  Deno.test(`readLora() reads a file made by diffusers and peft (${file})`, async () => {
    await startTestEngine();
    const name = file.split("_")[1] as CaseName;
    const loras = await readLora(fixture(`lora/${file}.safetensors`), await networksOf(name));
    await assertRecordedOutputs(name, file, loras);
  });
}
