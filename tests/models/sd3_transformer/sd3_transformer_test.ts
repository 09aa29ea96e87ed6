import * as tf from "@tensorflow/tfjs";
import { initParams } from "../../../src/nn/declare.ts";
import assert from "node:assert/strict";
import { parseSD3Config } from "../../../src/models/sd3_transformer/config.ts";
import { sd3Denoiser } from "../../../src/models/sd3_transformer/denoiser.ts";
import { croppedPositions, sincosPositions } from "../../../src/models/sd3_transformer/positions.ts";
import { sd3Transformer2D } from "../../../src/models/sd3_transformer/sd3_transformer.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { loadParams } from "../../../src/weights/checkpoint.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { assertGradients } from "../../runtime/engine/finite_differences.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";
import { configFaults } from "../config_faults.ts";
import { cosines, recorded } from "../recorded.ts";
import { tiny } from "./tiny.ts";

await startTestEngine();

for (const [name, what] of [["mmdit_sd3", "Stable Diffusion 3"], ["mmdit_sd35", "Stable Diffusion 3.5"]]) {
  Deno.test(`sd3Transformer2D() gives diffusers' output and gradient (${what}'s layers)`, () =>
    noLeak(async () => {
      const model = sd3Transformer2D(await readConfig(fixture(name!)));
      const params = await loadParams(fixture(name!), model.declarations);
      const { hidden_states, ...rest } = await recorded(name!, "inputs") as Record<
        "hidden_states" | "timestep" | "encoder_hidden_states" | "pooled_projections",
        tf.Tensor
      >;
      const expected = await recorded(name!, "outputs");
      // as recorded: the gradient of Σ out·cos(0, 1, …) in NCHW order
      const start = tf.tidy(() => hidden_states.transpose([0, 2, 3, 1]));
      const { value, grads } = vjp(
        (x) => model.forward(params, { hidden_states: x, ...rest }).transpose([0, 3, 1, 2]),
        [start],
        cosines,
      );
      const [output, gradient, expectedOutput, expectedGradient] = await take(
        value,
        tf.tidy(() => grads[0]!.transpose([0, 3, 1, 2])),
        expected.sample!,
        expected.grad_hidden_states!,
      );
      assertClose(output!, expectedOutput!, { relative: 1e-4 });
      assertClose(gradient!, expectedGradient!, { relative: 1e-3 });
      tf.dispose([params, hidden_states, rest, start, grads]);
    }));
}

const shapes = { hidden_states: [2, 4, 6, 3], encoder_hidden_states: [2, 3, 5], pooled_projections: [2, 6] };

Deno.test("sd3Transformer2D(): gradients of inputs and weights agree with finite differences", () =>
  noLeak(() => {
    const model = sd3Transformer2D(tiny), params = initParams(model.declarations, 1);
    const names = [
      "pos_embed.proj.weight",
      "transformer_blocks.0.attn.norm_added_k.weight",
      "transformer_blocks.0.attn2.to_v.weight",
      "transformer_blocks.1.norm1_context.linear.weight",
    ];
    return assertGradients({
      shapes: [...Object.values(shapes), ...names.map((name) => [...model.declarations[name]!.shape])],
      f: (hidden_states, encoder_hidden_states, pooled_projections, ...weights) =>
        model.forward({ ...params, ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])) }, {
          hidden_states: hidden_states!,
          timestep: tf.tensor1d([500, 20]),
          encoder_hidden_states: encoder_hidden_states!,
          pooled_projections: pooled_projections!,
        }),
    }).finally(() => tf.dispose(params));
  }));

Deno.test("sd3Transformer2D() starts with its positions: exchanged patches give other outputs, not the same exchanged", () => {
  const model = sd3Transformer2D({ ...tiny, patch_size: 1 }), params = initParams(model.declarations, 1);
  tf.tidy(() => {
    const x = random([1, 2, 2, 3]),
      context = {
        timestep: tf.tensor1d([500]),
        encoder_hidden_states: random([1, 3, 5]),
        pooled_projections: random([1, 6]),
      };
    const output = model.forward(params, { hidden_states: x, ...context });
    const exchanged = model.forward(params, { hidden_states: x.reverse(2), ...context }).reverse(2);
    assert.ok(tf.sub(output, exchanged).abs().max().dataSync()[0]! > 1e-3);
  });
  tf.dispose(params);
});

Deno.test("sd3Transformer2D() has a position table that is no trained weight", () =>
  noLeak(async () => {
    const model = sd3Transformer2D(tiny), params = initParams(model.declarations, 1);
    const table = params["pos_embed.pos_embed"]!;
    const { value, grads } = vjp(
      (table) =>
        model.forward({ ...params, "pos_embed.pos_embed": table }, {
          hidden_states: random(shapes.hidden_states),
          timestep: tf.tensor1d([500, 20]),
          encoder_hidden_states: random(shapes.encoder_hidden_states),
          pooled_projections: random(shapes.pooled_projections),
        }),
      [table],
      tf.onesLike,
    );
    const [gradient] = await take(grads[0]!);
    assert.ok(gradient!.every((g) => g === 0));
    tf.dispose([value, params]);
  }));

Deno.test("sincosPositions() is the table that diffusers stores", async () => {
  const { "pos_embed.pos_embed": table } = await recorded("mmdit_sd3", "diffusion_pytorch_model");
  const [stored] = await take(table!);
  assertClose(sincosPositions(24, 8, 32), stored!, { absolute: 1e-6 });
});

Deno.test("croppedPositions() takes the middle of the table", async () => {
  const table = tf.range(0, 25).reshape([1, 25, 1]);
  const [middle] = await take(tf.tidy(() => croppedPositions(table, 5, [2, 3])));
  assert.deepEqual([...middle!], [6, 7, 8, 11, 12, 13]);
  assert.throws(
    () => croppedPositions(table, 5, [6, 2]),
    /6×2 patches is larger than .* table of 5×5 \(pos_embed_max_size\)/,
  );
  table.dispose();
});

Deno.test("sd3Transformer2D() names a latent that does not divide into patches", () => {
  const model = sd3Transformer2D(tiny);
  tf.tidy(() => {
    const inputs = { timestep: tf.tensor1d([0]), encoder_hidden_states: random([1, 1, 5]) };
    assert.throws(
      () =>
        model.forward({}, {
          ...inputs,
          hidden_states: random([1, 4, 5, 3]),
          pooled_projections: random([1, 6]),
        }),
      (error) => error instanceof UserError && /latents of 4×5; it needs multiples of 2/.test(error.message),
    );
  });
});

Deno.test("sd3Denoiser() predicts the flow and names what a condition lacks", () => {
  const model = sd3Transformer2D(tiny),
    denoiser = sd3Denoiser(model),
    params = initParams(model.declarations, 0);
  assert.equal(denoiser.predictionType, "flow");
  tf.tidy(() => {
    const x = random(shapes.hidden_states), t = tf.tensor1d([1000, 3]);
    const encoder_hidden_states = random(shapes.encoder_hidden_states);
    const condition = { encoder_hidden_states, pooled_projections: random(shapes.pooled_projections) };
    const direct = model.forward(params, { hidden_states: x, timestep: t, ...condition });
    assertClose(denoiser.forward(params, x, t, condition), direct, {});
    assert.throws(
      () => denoiser.forward(params, x, t, { encoder_hidden_states }),
      /needs encoder_hidden_states and pooled_projections; it has encoder_hidden_states/,
    );
  });
  tf.dispose(params);
});

Deno.test("parseSD3Config() names all that is unsupported, missing or does not fit", () => {
  const faults = (changes: Record<string, unknown>) =>
    configFaults("SD3Transformer2DModel config.json:", () => parseSD3Config({ ...tiny, ...changes }));
  assert.deepEqual(faults({ num_layers: undefined, qk_norm: "layer_norm", pos_embed_max_size: null }), [
    "num_layers: expected a whole number of at least 1, got undefined",
    "pos_embed_max_size: expected a whole number of at least 1, got null",
    'qk_norm: "layer_norm" is not supported, only null, "rms_norm"',
  ]);
  assert.deepEqual(faults({ caption_projection_dim: 12, dual_attention_layers: [0, 2] }), [
    "caption_projection_dim: 12 is not num_attention_heads · attention_head_dim = 8",
    "dual_attention_layers: expected some of 0 to 1, the blocks, got [0,2]",
  ]);
});

Deno.test("parseSD3Config() reads the older files of Stable Diffusion 3", () => {
  const { qk_norm: _, dual_attention_layers: __, out_channels: ___, ...old } = tiny;
  const { qk_norm, dual_attention_layers, out_channels } = parseSD3Config(old);
  assert.deepEqual([qk_norm, dual_attention_layers, out_channels], [null, [], 3]);
});
