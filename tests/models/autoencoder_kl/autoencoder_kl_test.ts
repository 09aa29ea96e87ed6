import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import {
  autoencoderKL,
  samplePosterior,
  scaleLatents,
  unscaleLatents,
} from "../../../src/models/autoencoder_kl/autoencoder_kl.ts";
import { parseAutoencoderKLConfig } from "../../../src/models/autoencoder_kl/config.ts";
import { latentAutoencoder } from "../../../src/models/autoencoder_kl/latents.ts";
import { loadAutoencoderKL } from "../../../src/models/autoencoder_kl/load.ts";
import { loadAutoencoderKLParams } from "../../../src/models/autoencoder_kl/params.ts";
import { tiledDecode } from "../../../src/models/autoencoder_kl/tiles.ts";
import { fromNCHW, toNCHW } from "../../../src/models/image_layout.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { saveParams } from "../../../src/weights/checkpoint.ts";
import { assertGradients } from "../../runtime/engine/finite_differences.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";
import { configFaults } from "../config_faults.ts";
import { cosines, recorded } from "../recorded.ts";

await startTestEngine();

/** Fails unless a decoder gives what is recorded, and its gradient by the latent. */
async function assertDecodes(decode: (z: tf.Tensor) => tf.Tensor, name: string): Promise<void> {
  const inputs = await recorded(name, "inputs"), expected = await recorded(name, "outputs");
  const { value, grads } = vjp((z) => toNCHW(decode(fromNCHW(z))), [inputs.latent!], cosines);
  assert.deepEqual(value.shape, expected.decoded!.shape);
  const [image, gradient, expectedImage, expectedGradient] = await take(
    value,
    grads[0]!,
    expected.decoded!,
    expected.grad_latent!,
  );
  assertClose(image!, expectedImage!, { relative: 1e-4 });
  assertClose(gradient!, expectedGradient!, { relative: 1e-3 });
  tf.dispose([inputs, expected]);
}

const cases = {
  vae_sd15: "Stable Diffusion 1.5's layers",
  vae_sd3: "Stable Diffusion 3's layers",
  vae_three_levels: "three levels without attention",
};
for (const [name, what] of Object.entries(cases)) {
  Deno.test(`autoencoderKL() decodes as diffusers does, with its gradient (${what})`, () =>
    noLeak(async () => {
      const { model, params } = await loadAutoencoderKL(fixture(name));
      await assertDecodes((z) => model.decode(params, z), name);
      tf.dispose(params);
    }));

  Deno.test(`autoencoderKL() encodes to diffusers' posterior (${what})`, () =>
    noLeak(async () => {
      const { model, params } = await loadAutoencoderKL(fixture(name));
      const inputs = await recorded(name, "inputs"), expected = await recorded(name, "outputs");
      const { mean, logvar } = tf.tidy(() => {
        const posterior = model.encode(params, fromNCHW(inputs.image!));
        return { mean: toNCHW(posterior.mean), logvar: toNCHW(posterior.logvar) };
      });
      assert.deepEqual([mean.shape, logvar.shape], [expected.mean!.shape, expected.logvar!.shape]);
      const [m, l, expectedMean, expectedLogvar] = await take(
        mean,
        logvar,
        expected.mean!,
        expected.logvar!,
      );
      assertClose(m!, expectedMean!, { relative: 1e-4 });
      assertClose(l!, expectedLogvar!, { relative: 1e-4 });
      tf.dispose([params, inputs, expected]);
    }));
}

Deno.test("tiledDecode() blends tiles as diffusers does, with its gradient", () =>
  noLeak(async () => {
    const { model, params } = await loadAutoencoderKL(fixture("vae_sd15"));
    await assertDecodes((z) => tiledDecode(model, params, z), "vae_tiled");
    tf.dispose(params);
  }));

/** Two levels, without a convolution between network and latents, with a shift. */
const tiny = {
  _class_name: "AutoencoderKL",
  in_channels: 3,
  out_channels: 3,
  latent_channels: 2,
  block_out_channels: [4, 8],
  down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
  up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
  layers_per_block: 1,
  norm_num_groups: 2,
  sample_size: 16,
  scaling_factor: 1.5,
  shift_factor: 0.25,
  use_quant_conv: false,
  use_post_quant_conv: false,
};

Deno.test("tiledDecode() decodes latents of one tile whole", () =>
  noLeak(async () => {
    const model = autoencoderKL(tiny), params = initParams(model.declarations, 1);
    const [whole, tiled, smaller] = await take(...tf.tidy(() => {
      const z = random([1, 8, 6, 2]);
      return [model.decode(params, z), tiledDecode(model, params, z), tiledDecode(model, params, z, 4)];
    }));
    assertClose(tiled!, whole!, { absolute: 0 });
    assert.equal(smaller!.length, whole!.length);
    assert.throws(
      () => assertClose(smaller!, whole!, { relative: 1e-3 }),
      "tiles are normalised by themselves",
    );
    tf.dispose(params);
  }));

Deno.test("tiledDecode() names a tile size that does not overlap by a quarter", () => {
  const model = autoencoderKL(tiny);
  tf.tidy(() => {
    for (const tile of [6, 0, 2.5]) {
      assert.throws(
        () => tiledDecode(model, {}, random([1, 8, 8, 2]), tile),
        (error) => error instanceof UserError && /tiles of .* choose a multiple of 4/.test(error.message),
      );
    }
  });
});

Deno.test("autoencoderKL(): gradients of images, latents and weights agree with finite differences", () =>
  noLeak(async () => {
    const model = autoencoderKL(tiny), params = initParams(model.declarations, 2);
    const part = (network: string) => [
      `${network}.conv_in.weight`,
      `${network}.mid_block.attentions.0.to_k.weight`,
    ];
    const shapes = (names: string[]) => names.map((name) => [...model.declarations[name]!.shape]);
    const withWeights = (names: string[], weights: tf.Tensor[]) => ({
      ...params,
      ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])),
    });
    await assertGradients({
      shapes: [[1, 4, 6, 3], ...shapes(part("encoder"))],
      f: (images, ...weights) => {
        const { mean, logvar } = model.encode(withWeights(part("encoder"), weights), images!);
        return tf.concat([mean, logvar], 3);
      },
    });
    await assertGradients({
      shapes: [[1, 2, 3, 2], ...shapes(part("decoder"))],
      f: (z, ...weights) => model.decode(withWeights(part("decoder"), weights), z!),
    });
    tf.dispose(params);
  }));

Deno.test("samplePosterior() scales the noise by the standard deviation and adds the mean", async () => {
  const sample = tf.tidy(() =>
    samplePosterior(
      { mean: tf.tensor1d([1, 2, 3]), logvar: tf.tensor1d([0, Math.log(4), Math.log(9)]) },
      tf.tensor1d([1, -1, 0.5]),
    )
  );
  const [values] = await take(sample);
  assertClose(values!, [2, 0, 4.5], { absolute: 1e-5 });
});

Deno.test("scaleLatents() and unscaleLatents() shift and scale, and undo each other", async () => {
  const config = parseAutoencoderKLConfig(tiny);
  const [scaled, back] = await take(...tf.tidy(() => {
    const latents = scaleLatents(config, tf.tensor1d([0.25, 1.25]));
    return [latents, unscaleLatents(config, latents)];
  }));
  assertClose(scaled!, [0, 1.5], { absolute: 1e-6 });
  assertClose(back!, [0.25, 1.25], { absolute: 1e-6 });
});

Deno.test("latentAutoencoder() encodes to scaled means and decodes them, whole or in tiles", () =>
  noLeak(async () => {
    const model = autoencoderKL(tiny), params = initParams(model.declarations, 3);
    const whole = latentAutoencoder(model, params), tiled = latentAutoencoder(model, params, { tile: 4 });
    assert.deepEqual(whole.latentShape(8, 12), [4, 6, 2]);
    const [latents, expected, image, expectedImage, tiles, expectedTiles] = await take(...tf.tidy(() => {
      const images = random([2, 8, 12, 3]),
        latents = whole.encode(images),
        z = unscaleLatents(model.config, latents);
      assert.deepEqual(latents.shape, [2, 4, 6, 2]);
      return [
        latents,
        scaleLatents(model.config, model.encode(params, images).mean),
        whole.decode(latents),
        model.decode(params, z),
        tiled.decode(latents),
        tiledDecode(model, params, z, 4),
      ];
    }));
    assertClose(latents!, expected!, { absolute: 0 });
    assertClose(image!, expectedImage!, { absolute: 0 });
    assertClose(tiles!, expectedTiles!, { absolute: 0 });
    tf.dispose(params);
  }));

Deno.test("latentAutoencoder() names images that it cannot take, and a model that is not of images", () => {
  const autoencoder = latentAutoencoder(autoencoderKL(tiny), {});
  assert.throws(() => autoencoder.latentShape(8, 7), /cannot encode 8×7 pixels; it needs multiples of 2/);
  tf.tidy(() => assert.throws(() => autoencoder.encode(random([1, 5, 4, 3])), /cannot encode 5×4 pixels/));
  assert.throws(
    () => latentAutoencoder(autoencoderKL({ ...tiny, in_channels: 1 }), {}),
    /reads 1 and gives 3 channels, expected 3/,
  );
});

Deno.test("loadAutoencoderKLParams() also knows the names of older checkpoints", () =>
  inTempFolder((folder) =>
    noLeak(async () => {
      const { model, params } = await loadAutoencoderKL(fixture("vae_sd15"));
      const roles = { "to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn" };
      const older = Object.fromEntries(
        Object.entries(params).map(([name, x]) => {
          const role = Object.keys(roles).find((role) => name.includes(`.attentions.0.${role}.`));
          return [role ? name.replace(role, roles[role as keyof typeof roles]) : name, x];
        }),
      );
      assert.ok("decoder.mid_block.attentions.0.proj_attn.bias" in older);
      await saveParams(folder, tiny, older, { dtype: "F32", kind: "diffusers" });
      const loaded = await loadAutoencoderKLParams(folder, model.declarations);
      assert.deepEqual(Object.keys(loaded), Object.keys(params));
      for (const name in params) assertClose(loaded[name]!, params[name]!, { absolute: 0 });
      tf.dispose([params, loaded]);
      await saveParams(folder, tiny, {}, { dtype: "F32", kind: "diffusers" });
      await rejectsWith(
        () => loadAutoencoderKLParams(folder, model.declarations),
        /missing:\n {2}encoder\.conv_in\.weight \[16,3,3,3\]/,
      );
    })
  ));

Deno.test("loadAutoencoderKL() refuses another model's folder", () =>
  rejectsWith(
    () => loadAutoencoderKL(fixture("unet_sd15")),
    /config\.json is a config for UNet2DConditionModel, expected AutoencoderKL/,
  ));

Deno.test("parseAutoencoderKLConfig() takes diffusers' defaults for what older files do not have", () => {
  const { scaling_factor: _, shift_factor: __, use_quant_conv: ___, use_post_quant_conv: ____, ...older } =
    tiny;
  const config = parseAutoencoderKLConfig(older);
  assert.deepEqual([config.scaling_factor, config.shift_factor], [0.18215, 0]);
  assert.ok(config.use_quant_conv && config.use_post_quant_conv && config.mid_block_add_attention);
});

Deno.test("parseAutoencoderKLConfig() names every value that is unsupported, missing or does not fit", () => {
  const faultsOf = (changes: Record<string, unknown>) =>
    configFaults("AutoencoderKL config.json:", () => parseAutoencoderKLConfig({ ...tiny, ...changes }));
  assert.deepEqual(
    faultsOf({
      act_fn: "relu",
      latents_mean: [0, 0],
      up_block_types: ["UpDecoderBlock2D", "AttnUpDecoderBlock2D"],
      latent_channels: undefined,
      shift_factor: "none",
      use_quant_conv: 1,
    }),
    [
      'act_fn: "relu" is not supported, only "silu"',
      "latents_mean: [0,0] is not supported, only null",
      'up_block_types: "AttnUpDecoderBlock2D" is not supported, only UpDecoderBlock2D',
      "latent_channels: expected a whole number of at least 1, got undefined",
      'shift_factor: expected a number, got "none"',
      "use_quant_conv: expected true or false, got 1",
    ],
  );
  assert.deepEqual(faultsOf({ block_out_channels: [4, 7, 8] }), [
    "down_block_types: 2 entries for 3 block_out_channels",
    "up_block_types: 2 entries for 3 block_out_channels",
    "block_out_channels: 7 does not divide into 2 groups (norm_num_groups)",
  ]);
});
