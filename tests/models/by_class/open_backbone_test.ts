import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { bundledPath } from "../../../src/data/bundled.ts";
import { openBackbone } from "../../../src/models/by_class/open_backbone.ts";
import { clipVisionFeatures } from "../../../src/models/clip/features.ts";
import { clipVisionWithProjection } from "../../../src/models/clip/vision.ts";
import { dinov2Features } from "../../../src/models/dinov2/features.ts";
import { fromNCHW } from "../../../src/models/image_layout.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { readConfig } from "../../../src/weights/config.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { random } from "../../tensor/parity.ts";
import { recorded } from "../recorded.ts";
import { loadCase } from "../transformers_fixture.ts";

await startTestEngine();

/** [-1,1] stays as it is. */
const asGiven = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const FOLDERS = {
  "DINOv2": fixture("dinov2"),
  "DINOv2 with registers": fixture("dinov2_registers"),
  "CLIP's image tower": fixture("clip_vision"),
  "EfficientNet-Lite0": await bundledPath("models/efficientnet-lite0"),
};

for (const [name, folder] of Object.entries(FOLDERS)) {
  Deno.test(`openBackbone() opens ${name}: its grids have the channels that it says and gradients of every pixel`, () =>
    noLeak(async () => {
      const { extractor, channels, params } = await openBackbone(folder, [1, 0]);
      const images = random([2, 64, 64, 3]);
      const call = (x: tf.Tensor) => {
        const grids = extractor.patchGrids(x);
        assert.deepEqual(grids.map((grid) => grid.shape.at(-1)), channels);
        return tf.concat(grids.map((grid) => grid.flatten()));
      };
      const { value, grads } = vjp((x) => call(x!), [images], (y) => random(y.shape));
      const without = tf.tidy(() => grads[0]!.abs().sum(3).equal(0).sum());
      assert.equal((await without.data())[0], 0);
      tf.dispose([params, images, value, grads, without]);
    }));
}

Deno.test("openBackbone() says what it takes in place of another network", async () => {
  await assert.rejects(
    openBackbone(await bundledPath("models/squeezenet1_1"), [0]),
    /^UserError: .*config\.json is a config for SqueezeNet, which is for evaluation only, .*; expected one of Dinov2Model, /,
  );
  await assert.rejects(
    openBackbone(await bundledPath("models/digits-classifier"), [0]),
    /is a config for DigitClassifier, which is no backbone of a discriminator; expected one of Dinov2Model, /,
  );
  await assert.rejects(openBackbone(fixture("clip_vision"), [9]), /blocks \[9\]: expected some of 0 to /);
});

Deno.test("dinov2Features() of a network with registers leaves them out", () =>
  noLeak(async () => {
    const inputs = await recorded("dinov2_registers", "inputs");
    const outputs = await recorded("dinov2_registers", "outputs");
    const { params } = await openBackbone(fixture("dinov2_registers"), [0]);
    const config = JSON.parse(await Deno.readTextFile(fixture("dinov2_registers/config.json")));
    tf.tidy(() => {
      const options = { blocks: [config.num_hidden_layers - 1], normalise: asGiven };
      const [grid] = dinov2Features(config, params, options).patchGrids(fromNCHW(inputs.pixel_values!));
      const [batch, h, w, channels] = grid!.shape;
      const patches = outputs.last_hidden_state!.slice([0, 1 + config.num_register_tokens, 0]);
      assertClose(grid!.reshape([batch, h * w, channels]), patches, { relative: 1e-4 });
    });
    tf.dispose([inputs, outputs, params]);
  }));

Deno.test("clipVisionFeatures() are the patches of transformers' hidden states", async () => {
  const { params, inputs, expected } = await loadCase("clip_vision_gelu", clipVisionWithProjection);
  const model = clipVisionWithProjection(await readConfig(fixture("clip_vision_gelu")));
  tf.tidy(() => {
    const grids = clipVisionFeatures(model, params, { blocks: [0, 1], normalise: asGiven })
      .patchGrids(inputs.pixel_values);
    grids.forEach((grid, i) => {
      const [batch, h, w, channels] = grid.shape;
      const patches = (expected[`hidden_${i + 1}`] as tf.Tensor).slice([0, 1, 0]);
      assertClose(grid.reshape([batch, h * w, channels]), patches, { relative: 1e-4 });
    });
  });
});
