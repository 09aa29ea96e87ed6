import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { DIFFUSERS_CLASSES } from "../../../src/models/by_class/diffusers.ts";
import { checkInputs } from "../../../src/models/input_spec.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { UserError } from "../../../src/runtime/errors.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { fixture, noLeak, startTestEngine } from "../../support.ts";
import { random } from "../../tensor/parity.ts";

await startTestEngine();

async function build(name: string) {
  const config = await readConfig(fixture(name));
  return DIFFUSERS_CLASSES[config._class_name as string]!(config);
}

Deno.test("an AutoencoderKL by name decodes the latent, encodes the image, or both", () =>
  noLeak(async () => {
    const model = await build("vae_sd3"), params = initParams(model.declarations, 0);
    tf.tidy(() => {
      const latent = random([1, 2, 4, 16]), image = random([2, 4, 4, 3]);
      const call = (inputs: Record<string, tf.Tensor>) =>
        Object.entries(model.call(params, checkInputs("AutoencoderKL", model.inputs, inputs)))
          .map(([name, x]) => [name, (x as tf.Tensor).shape]);
      const encoded = [["mean", [2, 2, 2, 16]], ["logvar", [2, 2, 2, 16]]];
      assert.deepEqual(call({ latent }), [["decoded", [1, 4, 8, 3]]]);
      assert.deepEqual(call({ image }), encoded);
      assert.deepEqual(call({ image, latent }), [["decoded", [1, 4, 8, 3]], ...encoded]);
      assert.throws(
        () => call({}),
        (error) => error instanceof UserError && /latent, image/.test(error.message),
      );
    });
    tf.dispose(params);
  }));

Deno.test("a UNet2DConditionModel by name has SDXL's inputs where its config asks for them", async () => {
  const names = async (name: string) => Object.keys((await build(name)).inputs);
  const plain = ["sample", "timestep", "encoder_hidden_states"];
  assert.deepEqual(await names("unet_sd15"), plain);
  assert.deepEqual(await names("unet_sdxl"), [...plain, "text_embeds", "time_ids"]);
});

Deno.test("a UNet2DConditionModel by name gives its sample", () =>
  noLeak(async () => {
    const model = await build("unet_sdxl"), params = initParams(model.declarations, 0);
    tf.tidy(() => {
      const inputs = {
        sample: random([1, 4, 4, 4]),
        timestep: tf.tensor1d([5], "int32"),
        encoder_hidden_states: random([1, 2, 64]),
        text_embeds: random([1, 32]),
        time_ids: random([1, 6]),
      };
      const { sample } = model.call(params, checkInputs("UNet2DConditionModel", model.inputs, inputs));
      assert.deepEqual((sample as tf.Tensor).shape, [1, 4, 4, 4]);
    });
    tf.dispose(params);
  }));
