import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { loadUNet2DCondition } from "../../src/models/load.ts";
import { unet2DCondition } from "../../src/models/unet2d_condition.ts";
import { parseUNetConfig } from "../../src/models/unet2d_condition_config.ts";
import { sinusoids } from "../../src/models/timestep_embedding.ts";
import { unetDenoiser } from "../../src/models/unet_denoiser.ts";
import { initParams } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { assertGradients } from "../runtime/finite_differences.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { random, take } from "../tensor/parity.ts";

await startTestEngine();

async function recorded(file: string): Promise<Record<string, tf.Tensor>> {
  const tensors = await readTensors(fixture(`unet_sd15/${file}.safetensors`));
  return Object.fromEntries(
    Object.entries(tensors).map((
      [name, { data, shape }],
    ) => [name, tf.tensor(Float32Array.from(data, Number), [...shape])]),
  );
}

Deno.test("unet2DCondition() gives diffusers' output and gradient (Stable Diffusion 1.5's layers)", () =>
  noLeak(async () => {
    const { model, params } = await loadUNet2DCondition(fixture("unet_sd15"));
    const inputs = await recorded("inputs"), expected = await recorded("outputs");
    const { timestep, encoder_hidden_states } = inputs as {
      timestep: tf.Tensor;
      encoder_hidden_states: tf.Tensor;
    };
    // as recorded: the gradient of Σ out·cos(0, 1, …) in NCHW order
    const start = tf.tidy(() => inputs.sample!.transpose([0, 2, 3, 1]));
    const { value, grads } = vjp(
      (sample) => model.forward(params, { sample, timestep, encoder_hidden_states }).transpose([0, 3, 1, 2]),
      [start],
      (y) => tf.cos(tf.range(0, y.size)).reshape(y.shape),
    );
    const [output, gradient, expectedOutput, expectedGradient] = await take(
      value,
      tf.tidy(() => grads[0]!.transpose([0, 3, 1, 2])),
      expected.sample!,
      expected.grad_sample!,
    );
    assertClose(output!, expectedOutput!, { relative: 1e-4 });
    assertClose(gradient!, expectedGradient!, { relative: 1e-3 });
    tf.dispose([params, inputs, start, grads]);
  }));

/** Two levels, attention in the lower one, 1 head at the top and 2 below. */
const tiny = {
  _class_name: "UNet2DConditionModel",
  in_channels: 2,
  out_channels: 3,
  block_out_channels: [4, 8],
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 2,
  cross_attention_dim: 3,
  attention_head_dim: [1, 2],
};

Deno.test("unet2DCondition(): gradients of sample, tokens and weights agree with finite differences", () =>
  noLeak(() => {
    const model = unet2DCondition(tiny), params = initParams(model.declarations, 1);
    const names = ["conv_in.weight", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"];
    return assertGradients({
      shapes: [[1, 4, 4, 2], [1, 2, 3], ...names.map((name) => [...model.declarations[name]!.shape])],
      f: (sample, tokens, ...weights) =>
        model.forward({ ...params, ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])) }, {
          sample,
          timestep: tf.tensor1d([500]),
          encoder_hidden_states: tokens,
        }),
    }).finally(() => tf.dispose(params));
  }));

Deno.test("unet2DCondition() treats each sample of a batch by itself", async () => {
  const model = unet2DCondition(tiny), params = initParams(model.declarations, 2);
  const call = (sample: tf.Tensor, t: number[], tokens: tf.Tensor) =>
    model.forward(params, { sample, timestep: tf.tensor1d(t), encoder_hidden_states: tokens });
  const [both, first, second] = await take(...tf.tidy(() => {
    const x = random([2, 4, 4, 2]), tokens = random([2, 2, 3], 1);
    const one = (i: number) => [x.slice([i], [1]), tokens.slice([i], [1])] as const;
    return [
      call(x, [3, 980], tokens),
      call(one(0)[0], [3], one(0)[1]),
      call(one(1)[0], [980], one(1)[1]),
    ];
  }));
  assertClose(both!, [...first!, ...second!], { relative: 1e-5 });
  tf.dispose(params);
});

Deno.test("unetDenoiser() passes state, timesteps and tokens on", async () => {
  const model = unet2DCondition(tiny), params = initParams(model.declarations, 3);
  const denoiser = unetDenoiser(model, "v_prediction");
  assert.equal(denoiser.predictionType, "v_prediction");
  const [actual, expected] = await take(...tf.tidy(() => {
    const sample = random([1, 4, 4, 2]),
      timestep = tf.tensor1d([7]),
      encoder_hidden_states = random([1, 2, 3], 1);
    return [
      denoiser.forward(params, sample, timestep, { encoder_hidden_states }),
      model.forward(params, { sample, timestep, encoder_hidden_states }),
    ];
  }));
  assertClose(actual!, expected!, { absolute: 0 });
  tf.dispose(params);
});

Deno.test("unetDenoiser() names the tokens that a condition lacks", () => {
  const denoiser = unetDenoiser(unet2DCondition(tiny), "epsilon");
  tf.tidy(() =>
    assert.throws(
      () => denoiser.forward({}, random([1, 4, 4, 2]), tf.tensor1d([0]), { text: random([1, 1, 3]) }),
      /no encoder_hidden_states in the condition; it has text/,
    )
  );
});

Deno.test("unet2DCondition() names a sample size that does not divide by its levels", () => {
  const model = unet2DCondition(tiny);
  tf.tidy(() =>
    assert.throws(
      () =>
        model.forward({}, {
          sample: random([1, 5, 4, 2]),
          timestep: tf.tensor1d([0]),
          encoder_hidden_states: random([1, 1, 3]),
        }),
      /a sample of 5×4.*multiples of 2/,
    )
  );
});

Deno.test("parseUNetConfig() fills in diffusers' defaults", () => {
  const { block_out_channels, down_block_types, up_block_types } = tiny;
  const config = parseUNetConfig({
    in_channels: 4,
    out_channels: 4,
    block_out_channels: block_out_channels.map((width) => 32 * width),
    down_block_types,
    up_block_types,
  });
  assert.deepEqual(config.heads, [8, 8]);
  assert.equal(config.layers_per_block, 2);
  assert.equal(config.norm_num_groups, 32);
  assert.equal(config.cross_attention_dim, 1280);
  assert.equal(config.norm_eps, 1e-5);
  assert.deepEqual([config.flip_sin_to_cos, config.freq_shift, config.use_linear_projection], [
    true,
    0,
    false,
  ]);
});

function faultsOf(changes: Record<string, unknown>): string[] {
  try {
    parseUNetConfig({ ...tiny, ...changes });
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const [heading, ...faults] = error.message.split("\n  ");
    assert.equal(heading, "UNet2DConditionModel config.json:");
    return faults;
  }
  return assert.fail("the configuration was accepted");
}

Deno.test("parseUNetConfig() names all that is unsupported or missing in one UserError", () => {
  assert.deepEqual(
    faultsOf({
      act_fn: "gelu",
      addition_embed_type: "text_time",
      in_channels: undefined,
      layers_per_block: [1, 2],
      down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
      norm_eps: "small",
    }),
    [
      'act_fn: "gelu" is not supported, only "silu"',
      'addition_embed_type: "text_time" is not supported, only null',
      "in_channels: expected a whole number of at least 1, got undefined",
      'down_block_types: "AttnDownBlock2D" is not supported, only CrossAttnDownBlock2D, DownBlock2D',
      "layers_per_block: expected a whole number of at least 1, got [1,2]",
      'norm_eps: expected a number above 0, got "small"',
    ],
  );
});

Deno.test("parseUNetConfig() names lists of unequal length", () => {
  assert.deepEqual(faultsOf({ up_block_types: ["UpBlock2D"], attention_head_dim: [1, 2, 4] }), [
    "up_block_types: 1 entries for 2 block_out_channels",
    "attention_head_dim: 3 entries for 2 block_out_channels",
  ]);
});

Deno.test("parseUNetConfig() names channels that do not divide into groups or heads", () => {
  assert.deepEqual(faultsOf({ block_out_channels: [6, 8], norm_num_groups: 4 }), [
    "block_out_channels: 6 does not divide into 4 groups (norm_num_groups)",
  ]);
  assert.deepEqual(faultsOf({ attention_head_dim: 3 }), [
    "block_out_channels: 8 does not divide into 3 heads (attention_head_dim)",
  ]);
});

Deno.test("sinusoids() are cosines and sines of frequencies from 1 down to 1/10000", async () => {
  const t = tf.tensor1d([0, 250]);
  const embed = (flip: boolean, shift: number) => sinusoids(t, 6, flip, shift);
  const angle = (i: number, shift: number) => 250 * 10000 ** (-i / (3 - shift));
  const [flipped, plain] = await take(...tf.tidy(() => [embed(true, 0), embed(false, 1)]));
  const cos = [0, 1, 2].map((i) => Math.cos(angle(i, 0))), sin = [0, 1, 2].map((i) => Math.sin(angle(i, 0)));
  assertClose(flipped!, [1, 1, 1, 0, 0, 0, ...cos, ...sin], { absolute: 3e-5 });
  const shifted = [Math.sin, Math.cos].flatMap((f) => [0, 1, 2].map((i) => f(angle(i, 1))));
  assertClose(plain!, [0, 0, 0, 1, 1, 1, ...shifted], { absolute: 3e-5 });
  t.dispose();
});
