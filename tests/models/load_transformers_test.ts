import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import {
  loadClipText,
  loadClipTextWithProjection,
  loadClipVision,
  loadT5Encoder,
} from "../../src/models/load_transformers.ts";
import { checkInputs } from "../../src/models/input_spec.ts";
import { TRANSFORMERS_CLASSES } from "../../src/models/transformers_classes.ts";
import { loadTransformersParams } from "../../src/models/transformers_params.ts";
import { readConfig } from "../../src/weights/config.ts";
import { fixture, noLeak, startTestEngine } from "../support.ts";
import { rejectsWith } from "../weights/support.ts";

await startTestEngine();

const loaders = {
  clip_text: loadClipText,
  clip_text_projection: loadClipTextWithProjection,
  clip_vision: loadClipVision,
  t5_encoder: loadT5Encoder,
};

for (const [name, load] of Object.entries(loaders)) {
  Deno.test(`${load.name}() gives the model with its weights`, () =>
    noLeak(async () => {
      const { model, params, config } = await load(fixture(name));
      assert.deepEqual(Object.keys(params), Object.keys(model.declarations));
      assert.equal(config.transformers_version, "5.23.0");
      tf.dispose(params);
    }));
}

Deno.test("loadClipText() refuses the folder of another class", () =>
  rejectsWith(
    () => loadClipText(fixture("clip_text_projection")),
    /is a config for CLIPTextModelWithProjection \/ clip_text_model, expected CLIPTextModel$/,
  ));

const main = {
  CLIPTextModel: ["clip_text", "last_hidden_state"],
  CLIPTextModelWithProjection: ["clip_text_projection", "text_embeds"],
  CLIPVisionModelWithProjection: ["clip_vision", "image_embeds"],
  T5EncoderModel: ["t5_encoder", "last_hidden_state"],
} as const;

for (const [className, [name, output]] of Object.entries(main)) {
  Deno.test(`TRANSFORMERS_CLASSES gives ${className} with the names of its inputs and outputs`, () =>
    noLeak(async () => {
      const model = TRANSFORMERS_CLASSES[className]!(await readConfig(fixture(name)));
      const params = await loadTransformersParams(fixture(name), model.declarations);
      const given: Record<string, tf.Tensor> = "input_ids" in model.inputs
        ? {
          input_ids: tf.tensor2d([[3, 5]], [1, 2], "int32"),
          attention_mask: tf.tensor2d([[1, 1]], [1, 2], "int32"),
        }
        : { pixel_values: tf.zeros([1, 32, 32, 3]) };
      const inputs = checkInputs(className, model.inputs, given);
      const outputs = tf.tidy(() => model.call(params, inputs));
      assert.equal(Object.keys(outputs)[0], output);
      assert.ok(Array.isArray(outputs.hidden_states));
      tf.dispose([params, given, inputs, outputs]);
    }));
}
