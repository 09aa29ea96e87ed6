import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { loraAdapter } from "../../src/lora/adapter.ts";
import { loadAutoencoderKL } from "../../src/models/autoencoder_kl/load.ts";
import type { ModelInputs, NamedModel } from "../../src/models/by_class/named_model.ts";
import { bundledPath } from "../../src/data/bundled.ts";
import { openBackbone } from "../../src/models/by_class/open_backbone.ts";
import { loadDinov2Features } from "../../src/models/dinov2/load.ts";
import { checkpointingBlocks } from "../../src/nn/checkpointing.ts";
import { shapesOf } from "../../src/nn/declare.ts";
import { flatten, layoutOf, type Params, unflatten } from "../../src/tensor/params.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { openNetwork, trainedParams } from "../lora/cases.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../support.ts";
import { random } from "../tensor/parity.ts";

await startTestEngine();

/** Value, gradients, and tensors kept for these by a function, as it is and with its blocks checkpointed. */
function bothWays(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]) {
  return [f, (...xs: tf.Tensor[]) => checkpointingBlocks(() => f(...xs))].map((f) => {
    const before = tf.memory().numTensors;
    let kept = 0;
    const { value, grads } = vjp(f, xs, (y) => {
      kept = tf.memory().numTensors - before;
      return random(y.shape, 1);
    });
    return { value, grads, kept };
  });
}

/** Fails unless values are the same bit for bit, gradients but for the order of sums, and fewer tensors are kept. */
function assertExact(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]): void {
  tf.tidy(() => {
    const [plain, saving] = bothWays(f, xs);
    assert.deepEqual(saving!.value.dataSync(), plain!.value.dataSync());
    plain!.grads.forEach((gradient, i) => {
      assertClose(saving!.grads[i]!, gradient, { relative: 2e-6 });
      assert.ok(gradient.abs().max().dataSync()[0]! > 0, `gradient ${i} is 0`);
    });
    assert.ok(saving!.kept < 0.7 * plain!.kept, `${saving!.kept} tensors kept instead of ${plain!.kept}`);
  });
}

const output = ({ call }: NamedModel, params: Params, inputs: ModelInputs) =>
  Object.values(call(params, inputs))[0] as tf.Tensor;

for (const name of ["unet_sd15", "unet_sdxl", "mmdit_sd3", "mmdit_sd35"]) {
  Deno.test(`${name}: blocks checkpointed give the same output and the same gradients`, async () => {
    const { model, ...network } = await openNetwork(name);
    const base = await network.loadParams(), inputs = await network.inputs();
    const key = name.startsWith("unet") ? "sample" : "hidden_states";
    const adapter = loraAdapter(model.declarations, { rank: 2, targets: "attention+feed-forward" });
    const trained = layoutOf(shapesOf(adapter.declarations)), all = layoutOf(shapesOf(model.declarations));
    const lora = tf.tidy(() => flatten(trainedParams(adapter, name), trained));
    assertExact(
      (x, weights) =>
        output(model, adapter.apply(base, unflatten(weights, trained)), { ...inputs, [key]: x }),
      [inputs[key]!, lora],
    );
    const weights = flatten(base, all);
    assertExact((weights) => output(model, unflatten(weights, all), inputs), [weights]);
    tf.dispose([base, inputs, lora, weights]);
  });
}

Deno.test("vae_sd15: blocks checkpointed decode to the same image and give the same gradient of the latents", () =>
  noLeak(async () => {
    const { model, params } = await loadAutoencoderKL(fixture("vae_sd15"));
    const latents = random([2, 4, 4, model.config.latent_channels]);
    assertExact((latents) => model.decode(params, latents), [latents]);
    tf.dispose([params, latents]);
  }));

Deno.test("efficientnet-lite0: blocks checkpointed give the same grids and the same gradient of the image", () =>
  noLeak(async () => {
    const folder = await bundledPath("models/efficientnet-lite0");
    const { extractor, params } = await openBackbone(folder, [1, 3, 6]);
    const images = random([2, 40, 40, 3]);
    assertExact((images) => tf.concat(extractor.patchGrids(images).map((grid) => grid.flatten())), [images]);
    tf.dispose([params, images]);
  }));

Deno.test("dinov2: blocks checkpointed give the same patch grids and the same gradient of the image", () =>
  noLeak(async () => {
    const { extractor, params } = await loadDinov2Features(fixture("dinov2"), [0, 2]);
    const images = random([2, 42, 42, 3]);
    assertExact((images) => tf.concat(extractor.patchGrids(images), 3), [images]);
    tf.dispose([params, images]);
  }));
