import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { clipText } from "../../src/models/clip/text.ts";
import { t5Encoder } from "../../src/models/t5_encoder/t5_encoder.ts";
import { loadTransformersParams } from "../../src/models/transformers_params.ts";
import { initParams } from "../../src/nn/declare.ts";
import type { Params } from "../../src/tensor/params.ts";
import { saveParams } from "../../src/weights/checkpoint.ts";
import { readConfig } from "../../src/weights/config.ts";
import { fixture, noLeak, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";

await startTestEngine();

const sizes = { d_model: 4, d_kv: 2, d_ff: 3, num_layers: 1, num_heads: 2, vocab_size: 5 };
const t5 = t5Encoder({ ...sizes, relative_attention_num_buckets: 4 });

/** Saves weights under other names: those mapped to nothing are left out. */
async function saveRenamed(
  folder: string,
  params: Params,
  rename: (name: string) => string[],
): Promise<void> {
  const renamed = Object.entries(params).flatMap(([name, x]) => rename(name).map((other) => [other, x]));
  await saveParams(folder, {}, Object.fromEntries(renamed), { dtype: "F32", kind: "transformers" });
}

for (const name of ["clip_text", "clip_text_legacy"]) {
  Deno.test(`loadTransformersParams() gives the declared names, with and without prefix (${name})`, () =>
    noLeak(async () => {
      const model = clipText(await readConfig(fixture(name)));
      const params = await loadTransformersParams(fixture(name), model.declarations);
      assert.deepEqual(Object.keys(params), Object.keys(model.declarations));
      tf.dispose(params);
    }));
}

for (const names of [["shared.weight", "encoder.embed_tokens.weight"], ["encoder.embed_tokens.weight"]]) {
  Deno.test(`loadTransformersParams() reads T5's table stored as ${names.join(" and ")}`, () =>
    noLeak(() =>
      inTempFolder(async (folder) => {
        const start = initParams(t5.declarations, 0);
        await saveRenamed(folder, start, (name) => name === "shared.weight" ? names : [name]);
        const params = await loadTransformersParams(folder, t5.declarations);
        assert.deepEqual(Object.keys(params), Object.keys(t5.declarations));
        assert.deepEqual(params["shared.weight"]!.dataSync(), start["shared.weight"]!.dataSync());
        tf.dispose([start, params]);
      })
    ));
}

Deno.test("loadTransformersParams() lists what is missing and what is unexpected", () =>
  noLeak(() =>
    inTempFolder(async (folder) => {
      const start = initParams(t5.declarations, 0), gone = "encoder.final_layer_norm.weight";
      await saveRenamed(
        folder,
        start,
        (name) => name === gone ? ["decoder.final_layer_norm.weight"] : [name],
      );
      await rejectsWith(
        () => loadTransformersParams(folder, t5.declarations),
        /1 missing:\n {2}encoder\.final_layer_norm\.weight \[4\]/,
        /1 unexpected:\n {2}decoder\.final_layer_norm\.weight \[4\]/,
      );
      tf.dispose(start);
    })
  ));
