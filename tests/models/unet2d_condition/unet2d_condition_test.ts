import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fromNCHW, toNCHW } from "../../../src/models/image_layout.ts";
import { sinusoids } from "../../../src/models/timestep_embedding.ts";
import { parseUNetConfig } from "../../../src/models/unet2d_condition/config.ts";
import { unetDenoiser } from "../../../src/models/unet2d_condition/denoiser.ts";
import { loadUNet2DCondition } from "../../../src/models/unet2d_condition/load.ts";
import {
  unet2DCondition,
  type UNetTextTimeInputs,
} from "../../../src/models/unet2d_condition/unet2d_condition.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { assertGradients } from "../../runtime/engine/finite_differences.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";
import { configFaults } from "../config_faults.ts";
import { cosines, recorded } from "../recorded.ts";

await startTestEngine();

const cases = {
  unet_sd15: "Stable Diffusion 1.5's layers",
  unet_sdxl: "SDXL's layers",
  unet_mid_resnet: "one residual block in the middle",
  unet_mid_none: "no middle",
};
for (const [name, what] of Object.entries(cases)) {
  Deno.test(`unet2DCondition() gives diffusers' output and gradient (${what})`, () =>
    noLeak(async () => {
      const { model, params } = await loadUNet2DCondition(fixture(name));
      const { sample, ...rest } = await recorded(name, "inputs") as unknown as UNetTextTimeInputs;
      const expected = await recorded(name, "outputs");
      const { value, grads } = vjp(
        (x) => toNCHW(model.forward(params, { sample: fromNCHW(x), ...rest })),
        [sample],
        cosines,
      );
      const [output, gradient, expectedOutput, expectedGradient] = await take(
        value,
        grads[0]!,
        expected.sample!,
        expected.grad_sample!,
      );
      assertClose(output!, expectedOutput!, { relative: 1e-4 });
      assertClose(gradient!, expectedGradient!, { relative: 1e-3 });
      tf.dispose([params, sample, rest as unknown as tf.Tensor[]]);
    }));
}

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

/** The same, conditioned on pooled text and two numbers as SDXL is. */
const tinyXL = {
  ...tiny,
  addition_embed_type: "text_time",
  addition_time_embed_dim: 4,
  projection_class_embeddings_input_dim: 3 + 2 * 4,
};

Deno.test("unet2DCondition(): gradients of pooled text and its weights agree with finite differences", () =>
  noLeak(() => {
    const model = unet2DCondition(tinyXL), params = initParams(model.declarations, 1);
    const name = "add_embedding.linear_1.weight";
    return assertGradients({
      shapes: [[2, 3], [...model.declarations[name]!.shape]],
      f: (text_embeds, weight) =>
        model.forward({ ...params, [name]: weight! }, {
          sample: random([2, 4, 4, 2]),
          timestep: tf.tensor1d([500, 3]),
          encoder_hidden_states: random([2, 2, 3]),
          text_embeds: text_embeds!,
          time_ids: tf.tensor2d([[1024, 0], [768, 16]]),
        }),
    }).finally(() => tf.dispose(params));
  }));

Deno.test("unet2DCondition() names inputs of SDXL that are missing or do not add up", () => {
  const model = unet2DCondition(tinyXL), params = initParams(model.declarations, 1);
  tf.tidy(() => {
    const inputs = {
      sample: random([1, 4, 4, 2]),
      timestep: tf.tensor1d([500]),
      encoder_hidden_states: random([1, 2, 3]),
    };
    const throws = (inputs: Parameters<typeof model.forward>[1], message: RegExp) =>
      assert.throws(
        () => model.forward(params, inputs),
        (error) => error instanceof UserError && message.test(error.message),
      );
    throws(inputs, /also needs text_embeds and time_ids/);
    throws(
      { ...inputs, text_embeds: random([1, 5]), time_ids: tf.tensor2d([[1024, 0, 0]]) },
      /text_embeds \[1,5\] and time_ids \[1,3\] make 5 \+ 3·4 channels, expected 11/,
    );
  });
  tf.dispose(params);
});

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
  const sdxl = unetDenoiser(unet2DCondition(tinyXL), "epsilon");
  tf.tidy(() =>
    assert.throws(
      () =>
        sdxl.forward({}, random([1, 4, 4, 2]), tf.tensor1d([0]), {
          encoder_hidden_states: random([1, 1, 3]),
        }),
      /no text_embeds, no time_ids in the condition; it has encoder_hidden_states/,
    )
  );
});

Deno.test("unetDenoiser() passes SDXL's pooled text and numbers on", async () => {
  const model = unet2DCondition(tinyXL), params = initParams(model.declarations, 3);
  const [actual, expected, otherSize] = await take(...tf.tidy(() => {
    const sample = random([1, 4, 4, 2]), timestep = tf.tensor1d([7]);
    const condition = {
      encoder_hidden_states: random([1, 2, 3], 1),
      text_embeds: random([1, 3], 2),
      time_ids: tf.tensor2d([[1024, 0]]),
    };
    const denoiser = unetDenoiser(model, "epsilon");
    return [
      denoiser.forward(params, sample, timestep, condition),
      model.forward(params, { sample, timestep, ...condition }),
      denoiser.forward(params, sample, timestep, { ...condition, time_ids: tf.tensor2d([[512, 0]]) }),
    ];
  }));
  assertClose(actual!, expected!, { absolute: 0 });
  assert.throws(() => assertClose(otherSize!, expected!, { relative: 1e-3 }), "the size makes a difference");
  tf.dispose(params);
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
  assert.deepEqual(config.transformer_layers_per_block, [1, 1]);
  assert.equal(config.mid_block_type, "UNetMidBlock2DCrossAttn");
  assert.equal(config.text_time, null);
  assert.deepEqual([config.flip_sin_to_cos, config.freq_shift, config.use_linear_projection], [
    true,
    0,
    false,
  ]);
});

const faultsOf = (changes: Record<string, unknown>) =>
  configFaults("UNet2DConditionModel config.json:", () => parseUNetConfig({ ...tiny, ...changes }));

Deno.test("parseUNetConfig() names all that is unsupported or missing in one UserError", () => {
  assert.deepEqual(
    faultsOf({
      act_fn: "gelu",
      addition_embed_type: "image",
      class_embed_type: "timestep",
      num_attention_heads: 4,
      in_channels: undefined,
      layers_per_block: [1, 2],
      down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
      norm_eps: "small",
      attention_head_dim: [2, 0],
      transformer_layers_per_block: [[1, 1], [2, 2]],
      mid_block_type: "UNetMidBlock2DSimpleCrossAttn",
      use_linear_projection: "yes",
    }),
    [
      'act_fn: "gelu" is not supported, only "silu"',
      'class_embed_type: "timestep" is not supported, only null',
      "num_attention_heads: 4 is not supported, only null",
      'addition_embed_type: "image" is not supported, only null, "text_time"',
      "in_channels: expected a whole number of at least 1, got undefined",
      'down_block_types: "AttnDownBlock2D" is not supported, only CrossAttnDownBlock2D, DownBlock2D',
      "layers_per_block: expected a whole number of at least 1, got [1,2]",
      'norm_eps: expected a number above 0, got "small"',
      "attention_head_dim: 0 is no whole number of at least 1",
      "transformer_layers_per_block: [1,1] is no whole number of at least 1",
      "transformer_layers_per_block: [2,2] is no whole number of at least 1",
      'mid_block_type: "UNetMidBlock2DSimpleCrossAttn" is not supported, only "UNetMidBlock2DCrossAttn", "UNetMidBlock2D", null',
      'use_linear_projection: expected true or false, got "yes"',
    ],
  );
});

Deno.test("parseUNetConfig() names lists of unequal length", () => {
  assert.deepEqual(faultsOf({ up_block_types: ["UpBlock2D"], attention_head_dim: [1, 2, 4] }), [
    "up_block_types: 1 entries for 2 block_out_channels",
    "attention_head_dim: 3 entries for 2 block_out_channels",
  ]);
});

Deno.test("parseUNetConfig() names what addition_embed_type text_time lacks", () => {
  assert.deepEqual(faultsOf({ addition_embed_type: "text_time", addition_time_embed_dim: 8 }), [
    "projection_class_embeddings_input_dim: expected a whole number of at least 1, got undefined",
  ]);
  assert.deepEqual(faultsOf({ ...tinyXL, addition_time_embed_dim: 3 }), [
    "addition_time_embed_dim: expected an even number, got 3",
  ]);
});

Deno.test("parseUNetConfig() names channels that do not divide into groups or heads", () => {
  assert.deepEqual(faultsOf({ block_out_channels: [6, 8], norm_num_groups: 4 }), [
    "block_out_channels: 6 does not divide into 4 groups (norm_num_groups)",
  ]);
  const undivided = "block_out_channels: 8 does not divide into 3 heads (attention_head_dim)";
  assert.deepEqual(faultsOf({ attention_head_dim: 3 }), [undivided]);
  const types = {
    down_block_types: ["DownBlock2D", "DownBlock2D"],
    up_block_types: ["UpBlock2D", "UpBlock2D"],
  };
  assert.deepEqual(faultsOf({ attention_head_dim: 3, ...types }), [undivided]);
  const attentionless = { ...tiny, ...types, attention_head_dim: 3, mid_block_type: null };
  assert.equal(parseUNetConfig(attentionless).mid_block_type, null);
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
