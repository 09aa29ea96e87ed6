import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { clipVisionWithProjection } from "../../../src/models/clip/vision.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { assertClose, fixture, startTestEngine } from "../../support.ts";
import { cosines } from "../recorded.ts";
import { assertOutputs, assertWeightGradients, loadCase } from "../transformers_fixture.ts";

await startTestEngine();

const tiny = {
  hidden_size: 8,
  intermediate_size: 10,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 4,
  projection_dim: 3,
};

Deno.test("clipVisionWithProjection() gives transformers' image embeddings, with quick_gelu", async () => {
  const { model, params, inputs, expected } = await loadCase("clip_vision", clipVisionWithProjection);
  assertOutputs({ image_embeds: model.forward(params, inputs).image_embeds }, expected);
});

Deno.test("clipVisionWithProjection() gives transformers' outputs and hidden states, with gelu", async () => {
  const { model, params, inputs, expected } = await loadCase("clip_vision_gelu", clipVisionWithProjection);
  const { hidden_states, ...out } = model.forward(params, inputs);
  const hidden = Object.fromEntries(hidden_states.map((state, i) => [`hidden_${i}`, state]));
  assert.equal(hidden_states.length, 3);
  assertOutputs({ ...out, ...hidden }, expected);
});

Deno.test("clipVisionWithProjection() has PyTorch's gradient of the image and of every weight", async () => {
  const { model, params, inputs } = await loadCase("clip_vision_gelu", clipVisionWithProjection);
  const embed = (pixel_values: tf.Tensor) => model.forward(params, { pixel_values }).image_embeds;
  const { grads } = vjp(embed, [inputs.pixel_values], cosines);
  const recorded = await readTensors(fixture("clip_vision_gelu/gradients.safetensors"));
  const { data, shape } = recorded.pixel_values!;
  const expected = tf.tensor(data, [...shape]);
  assertClose(grads[0]!.transpose([0, 3, 1, 2]), expected, { relative: 1e-3 });
  const count = await assertWeightGradients(
    "clip_vision_gelu",
    params,
    (p) => model.forward(p, inputs).image_embeds,
  );
  assert.equal(count, Object.keys(model.declarations).length);
});

Deno.test("clipVisionWithProjection() refuses images of another size", () => {
  const model = clipVisionWithProjection(tiny), params = initParams(model.declarations, 0);
  assert.throws(
    () => model.forward(params, { pixel_values: tf.zeros([1, 12, 8, 3]) }),
    /^UserError: a CLIP vision encoder was given images of 12×8, expected 8×8; resize them$/,
  );
});

Deno.test("clipVisionWithProjection() names unsupported values of a config", () => {
  assert.throws(
    () => clipVisionWithProjection({ ...tiny, image_size: [8, 4], model_type: "clip" }),
    /model_type: "clip" is not supported, .*\n {2}image_size: expected a whole number .* got \[8,4\]/,
  );
  assert.throws(
    () => clipVisionWithProjection({ ...tiny, patch_size: 16 }),
    /image_size: expected at least patch_size \(16\), got 8/,
  );
});
