import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { readLora } from "../../src/lora/read.ts";
import { type Declarations } from "../../src/nn/declare.ts";
import { linear } from "../../src/nn/layers.ts";
import { loadParams, saveParams } from "../../src/weights/checkpoint.ts";
import type { WriteDtype } from "../../src/weights/dtypes.ts";
import { writeTensors } from "../../src/weights/safetensors.ts";
import { noLeak, startTestEngine } from "../support.ts";
import { inTempFolder } from "./support.ts";

await startTestEngine();

for (const dtype of ["F32", "F16", "BF16"] as const satisfies WriteDtype[]) {
  for (const broken of [NaN, Infinity]) {
    Deno.test(`loadParams() refuses ${broken} in ${dtype}, and names file and tensor`, () =>
      inTempFolder((folder) =>
        noLeak(async () => {
          // the first of a size that can be mapped, the second not
          for (const size of [64, 5]) {
            const data = new Float32Array(size).fill(0.5), good = { shape: [size], data, dtype };
            const path = join(folder, "model.safetensors"), declarations = { good, bad: { shape: [size] } };
            await writeTensors(path, { good, bad: { ...good, data: data.slice().fill(broken, size - 1) } });
            await assert.rejects(loadParams(folder, declarations), {
              name: "NotFiniteError",
              message: new RegExp(`${path}: tensor "bad" holds NaN or infinite numbers`),
            });
            await writeTensors(path, { good, bad: good });
            tf.dispose(await loadParams(folder, declarations));
          }
        })
      ));
  }
}

Deno.test("saveParams() refuses numbers that are not finite, and leaves what was there", () =>
  inTempFolder(async (folder) => {
    const good = { w: tf.tensor1d([1]) }, bad = { w: tf.tensor1d([-Infinity]) };
    const options = { dtype: "F32", kind: "diffusers" } as const;
    await saveParams(folder, {}, good, options);
    await assert.rejects(saveParams(folder, {}, bad, options), { name: "NotFiniteError", message: /"w"/ });
    const params = await loadParams(folder, { w: { shape: [1] } });
    assert.deepEqual([...await params.w!.data()], [1]);
    tf.dispose([good, bad, params]);
  }));

Deno.test("readLora() refuses factors and alphas that are not finite", () =>
  inTempFolder(async (folder) => {
    const d: Declarations = {}, path = join(folder, "lora.safetensors");
    const layer = "text_model.encoder.layers.0.self_attn.q_proj";
    linear(d, layer, { in: 4, out: 4 });
    const key = `lora_te_${layer.replaceAll(".", "_")}`;
    const file = (a: number, b: number, alpha: number) =>
      writeTensors(path, {
        [`${key}.lora_down.weight`]: { shape: [1, 4], data: Float32Array.of(1, a, 1, 1) },
        [`${key}.lora_up.weight`]: { shape: [4, 1], data: Float32Array.of(1, 1, 1, b) },
        [`${key}.alpha`]: { shape: [], data: Float32Array.of(alpha) },
      });
    for (
      const [numbers, name] of [
        [[NaN, 1, 1], "lora_down.weight"],
        [[1, -Infinity, 1], "lora_up.weight"],
        [[1, 1, NaN], "alpha"],
        [[1, 1, Infinity], "alpha"],
      ] as [number[], string][]
    ) {
      await file(...numbers as [number, number, number]);
      await assert.rejects(readLora(path, { text_encoder: d }), {
        name: "NotFiniteError",
        message: new RegExp(`tensor "${key}.${name}"`),
      });
    }
    await file(1, 1, 1);
    tf.dispose((await readLora(path, { text_encoder: d })).text_encoder!.params);
  }));
