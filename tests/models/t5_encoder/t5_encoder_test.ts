import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { relativePositionBuckets } from "../../../src/models/t5_encoder/positions.ts";
import { t5Encoder } from "../../../src/models/t5_encoder/t5_encoder.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { compile } from "../../../src/tensor/compile.ts";
import type { Params } from "../../../src/tensor/params.ts";
import { assertClose, startTestEngine } from "../../support.ts";
import { assertOutputs, assertWeightGradients, loadCase } from "../transformers_fixture.ts";

await startTestEngine();

const tiny = {
  vocab_size: 12,
  d_model: 8,
  d_kv: 3,
  d_ff: 10,
  num_layers: 2,
  num_heads: 2,
  relative_attention_num_buckets: 8,
};

Deno.test("t5Encoder() gives transformers' output, with the gated feed-forward layer", async () => {
  const { model, params, inputs, expected } = await loadCase("t5_encoder", t5Encoder);
  assertOutputs({ last_hidden_state: model.forward(params, inputs).last_hidden_state }, expected);
});

Deno.test("t5Encoder() gives transformers' outputs for a long, padded text, with relu", async () => {
  const { model, params, inputs, expected } = await loadCase("t5_encoder_relu", t5Encoder);
  const { last_hidden_state, hidden_states } = model.forward(params, inputs);
  const hidden = Object.fromEntries(hidden_states.map((state, i) => [`hidden_${i}`, state]));
  assert.equal(hidden_states.length, 3);
  assertOutputs({ last_hidden_state, ...hidden }, expected);
});

Deno.test("t5Encoder() has PyTorch's gradient of every weight, also of the position table", async () => {
  const { model, params, inputs } = await loadCase("t5_encoder_relu", t5Encoder);
  const count = await assertWeightGradients(
    "t5_encoder_relu",
    params,
    (p) => model.forward(p, inputs).last_hidden_state,
  );
  assert.equal(count, Object.keys(model.declarations).length);
});

Deno.test("t5Encoder() gives tokens the same states whatever stands in the masked padding", () => {
  const model = t5Encoder(tiny), params = initParams(model.declarations, 0);
  const run = (ids: number[], mask: number[]) =>
    model.forward(params, {
      input_ids: tf.tensor2d([ids], [1, ids.length], "int32"),
      attention_mask: tf.tensor2d([mask]),
    }).last_hidden_state.slice([0, 0, 0], [1, 3, 8]);
  const cut = run([4, 5, 1], [1, 1, 1]);
  assertClose(run([4, 5, 1, 7, 9], [1, 1, 1, 0, 0]), cut, { absolute: 1e-5 });
  assert.ok(run([4, 5, 1, 7, 9], [1, 1, 1, 1, 1]).sub(cut).abs().max().dataSync()[0]! > 1e-3);
});

Deno.test("t5Encoder() can be compiled, for each length of text", async () => {
  const { model, params, inputs } = await loadCase("t5_encoder", t5Encoder);
  const run = (p: Params, input_ids: tf.Tensor) => model.forward(p, { input_ids }).last_hidden_state;
  const compiled = compile(run);
  const short = inputs.input_ids.slice([0, 0], [2, 5]);
  for (const ids of [inputs.input_ids, short]) {
    assertClose(compiled(params, ids) as tf.Tensor, run(params, ids), { relative: 1e-5 });
  }
});

Deno.test("relativePositionBuckets() has a bucket per short distance, wider ones beyond, one side each", () => {
  const row = relativePositionBuckets(130, 32, 128).subarray(0, 130); // seen from the first token
  assert.deepEqual([...row.subarray(0, 10)], [0, 17, 18, 19, 20, 21, 22, 23, 24, 24]);
  // powers of two lie exactly on bounds of buckets
  assert.deepEqual([11, 12, 15, 16, 31, 32, 63, 64, 90, 91, 129].map((i) => row[i]), [
    24,
    25,
    25,
    26,
    27,
    28,
    29,
    30,
    30,
    31,
    31,
  ]);
  const column = relativePositionBuckets(130, 32, 128).filter((_, i) => i % 130 === 0);
  assert.deepEqual([...column].slice(1), [...row].slice(1).map((bucket) => bucket - 16));
});

Deno.test("t5Encoder() names unsupported values of a config", () => {
  assert.throws(
    () =>
      t5Encoder({ ...tiny, model_type: "umt5", feed_forward_proj: "gated-silu", is_decoder: true, d_ff: 0 }),
    (error: Error) => {
      for (const part of ["model_type", `"umt5"`, "feed_forward_proj", "is_decoder", "d_ff"]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`);
      }
      return true;
    },
  );
  assert.throws(
    () => t5Encoder({ ...tiny, feed_forward_proj: "gated-gelu", dense_act_fn: "gelu" }),
    /dense_act_fn: "gelu" is not supported, only "gelu_new"/,
  );
  assert.throws(
    () => t5Encoder({ ...tiny, relative_attention_num_buckets: 6 }),
    /relative_attention_num_buckets: expected a multiple of 4, got 6/,
  );
});
