import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { TRANSFORMERS_CLASSES } from "../../../src/models/by_class/transformers.ts";
import { checkInputs } from "../../../src/models/input_spec.ts";
import { loadTransformersParams } from "../../../src/models/transformers_params.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();

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
