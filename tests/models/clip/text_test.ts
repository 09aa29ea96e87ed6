import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { clipText, clipTextWithProjection } from "../../../src/models/clip/text.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { compile } from "../../../src/tensor/compile.ts";
import type { Params } from "../../../src/tensor/params.ts";
import { assertClose, startTestEngine } from "../../support.ts";
import { assertOutputs, assertWeightGradients, loadCase } from "../transformers_fixture.ts";

await startTestEngine();

const tiny = {
  model_type: "clip_text_model",
  vocab_size: 12,
  hidden_size: 8,
  intermediate_size: 10,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 6,
  eos_token_id: 11,
};
const ids = (rows: number[][]) => tf.tensor2d(rows, [rows.length, rows[0]!.length], "int32");

Deno.test("clipText() gives transformers' outputs, with quick_gelu", async () => {
  const { model, params, inputs, expected } = await loadCase("clip_text", clipText);
  const { hidden_states, ...out } = model.forward(params, inputs);
  assertOutputs({ ...out, penultimate: hidden_states.at(-2)! }, expected);
});

Deno.test("clipTextWithProjection() gives transformers' outputs, with gelu", async () => {
  const { model, params, inputs, expected } = await loadCase("clip_text_projection", clipTextWithProjection);
  const { text_embeds, hidden_states } = model.forward(params, inputs);
  assertOutputs({ text_embeds, penultimate: hidden_states.at(-2)! }, expected);
});

Deno.test("clipText() pools at the highest token where eos_token_id is 2, and leaves padding out", async () => {
  const { model, params, inputs, expected } = await loadCase("clip_text_legacy", clipText);
  const { hidden_states, ...out } = model.forward(params, inputs);
  const hidden = Object.fromEntries(hidden_states.map((state, i) => [`hidden_${i}`, state]));
  assert.equal(hidden_states.length, 4);
  assertOutputs({ ...out, ...hidden }, expected);
});

Deno.test("clipText() has PyTorch's gradient of every weight", async () => {
  const { model, params, inputs } = await loadCase("clip_text_legacy", clipText);
  const count = await assertWeightGradients(
    "clip_text_legacy",
    params,
    (p) => model.forward(p, inputs).last_hidden_state,
  );
  assert.equal(count, Object.keys(model.declarations).length);
});

Deno.test("clipText() reads no token ahead, and pools at the first end of text", () => {
  const model = clipText(tiny), params = initParams(model.declarations, 0);
  const run = (rows: number[][]) => model.forward(params, { input_ids: ids(rows) });
  const one = run([[1, 5, 11, 11, 11, 11]]), other = run([[1, 5, 11, 3, 4, 11]]);
  assertClose(one.pooler_output, other.pooler_output, { absolute: 1e-6 });
  const rows = (x: tf.Tensor) => x.slice([0, 0, 0], [1, 3, 8]);
  assertClose(rows(one.last_hidden_state), rows(other.last_hidden_state), { absolute: 1e-6 });
  assertClose(one.pooler_output, one.last_hidden_state.slice([0, 2, 0], [1, 1, 8]).squeeze([1]), {
    absolute: 1e-6,
  });
});

Deno.test("clipText() refuses more tokens than it has positions for", () => {
  const model = clipText(tiny), params = initParams(model.declarations, 0);
  assert.throws(
    () => model.forward(params, { input_ids: ids([[1, 2, 3, 4, 5, 6, 11]]) }),
    /^UserError: a CLIP text encoder was given 7 tokens, expected at most 6/,
  );
});

Deno.test("clipText() can be compiled, for each length of text", async () => {
  const { model, params, inputs } = await loadCase("clip_text", clipText);
  const run = (p: Params, input_ids: tf.Tensor) => model.forward(p, { input_ids }).pooler_output;
  const compiled = compile(run);
  const short = inputs.input_ids.slice([0, 0], [2, 5]);
  for (const ids of [inputs.input_ids, short]) {
    assertClose(compiled(params, ids) as tf.Tensor, run(params, ids), { relative: 1e-5 });
  }
});

Deno.test("clipText() names every unsupported value of a config", () => {
  const bad = { ...tiny, hidden_act: "silu", vocab_size: undefined, eos_token_id: [2, 3] };
  assert.throws(() => clipText(bad), (error) => {
    assert.ok(error instanceof UserError);
    const parts = [
      "CLIPTextModel config.json:",
      `hidden_act: "silu" is not supported, only "quick_gelu", "gelu"`,
      "vocab_size: expected a whole number of at least 1",
      "eos_token_id: expected a whole number of at least 0, got [2,3]",
    ];
    for (const part of parts) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    return true;
  });
  assert.throws(
    () => clipText({ ...tiny, hidden_size: 9 }),
    /hidden_size: expected a multiple of num_attention_heads \(2\), got 9/,
  );
  assert.throws(() => clipText({ ...tiny, model_type: "clip" }), /model_type: "clip" is not supported/);
  assert.throws(() => clipTextWithProjection(tiny), /projection_dim: expected a whole number/);
});
