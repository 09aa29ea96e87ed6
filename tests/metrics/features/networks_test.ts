import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { bundledPath } from "../../../src/data/bundled.ts";
import { loadFeatureNetwork } from "../../../src/metrics/features/networks.ts";
import { imagenetNormalisation } from "../../../src/models/feature_extractor.ts";
import { fromNCHW } from "../../../src/models/image_layout.ts";
import { recorded } from "../../models/recorded.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();

Deno.test("the DINOv2 features are the class token after the last norm, as transformers gives it", async () => {
  const { pixel_values } = await recorded("dinov2", "inputs");
  const { last_hidden_state } = await recorded("dinov2", "outputs");
  const { mean, std } = imagenetNormalisation;
  const images = fromNCHW(pixel_values!).mul(tf.tensor1d([...std])).add(tf.tensor1d([...mean])).mul(2).sub(1);
  await noLeak(async () => {
    const network = await loadFeatureNetwork("dinov2", fixture("dinov2"));
    assert.deepEqual(network.preparation, { size: 224, fit: "squash", eightBit: true });
    const features = network.features(images as tf.Tensor4D);
    const token = tf.tidy(() => last_hidden_state!.slice([0, 0, 0], [-1, 1, -1]).squeeze([1]));
    assertClose(features, token, { relative: 1e-4 });
    tf.dispose([features, token]);
    network.dispose();
  });
});

Deno.test("the CLIP features have length 1", async () => {
  const network = await loadFeatureNetwork("clip", fixture("clip"));
  const features = network.features(tf.randomUniform([2, 32, 32, 3], -1, 1, "float32", 3));
  assertClose(features.square().sum(1), [1, 1], { absolute: 1e-5 });
  network.dispose();
});

Deno.test("the SqueezeNet features are those of its last fire module", () =>
  noLeak(async () => {
    const given = await recorded("networks", "images"),
      expected = await recorded("networks", "squeezenet1_1");
    const network = await loadFeatureNetwork("squeezenet", await bundledPath("models/squeezenet1_1"));
    assert.deepEqual(network.preparation, { size: 160, fit: "squash", eightBit: true });
    const images = tf.tidy(() => fromNCHW(given.square!).div(127.5).sub(1));
    const features = network.features(images as tf.Tensor4D);
    assertClose(features, expected.square_features!, { relative: 1e-4 });
    network.dispose();
    tf.dispose([given, expected, images, features]);
  }));

Deno.test("the EfficientNet-Lite0 features are the mean of its last stage, as PyTorch gives it", () =>
  noLeak(async () => {
    const given = await recorded("networks", "images"),
      expected = await recorded("networks", "efficientnet_lite0");
    const network = await loadFeatureNetwork(
      "efficientnet-lite0",
      await bundledPath("models/efficientnet-lite0"),
    );
    assert.deepEqual(network.preparation, { size: 160, fit: "squash", eightBit: true });
    const images = tf.tidy(() => fromNCHW(given.square!).div(127.5).sub(1));
    const features = network.features(images as tf.Tensor4D);
    assert.deepEqual(features.shape, [given.square!.shape[0], 320]);
    assertClose(features, expected.square_stage_6_channels!, { relative: 1e-4 });
    network.dispose();
    tf.dispose([given, expected, images, features]);
  }));

Deno.test("the kind pictograms-vit is a DINOv2 on images of its own size", () =>
  noLeak(async () => {
    const folder = await bundledPath("models/digits-dino");
    const network = await loadFeatureNetwork("pictograms-vit", folder),
      other = await loadFeatureNetwork("dinov2", folder);
    assert.deepEqual(network.preparation, { size: 28, fit: "squash", eightBit: true });
    const images = tf.randomUniform<tf.Rank.R4>([2, 28, 28, 3], -1, 1, "float32", 3);
    const features = network.features(images), same = other.features(images);
    assertClose(features, same, { absolute: 0 });
    network.dispose();
    other.dispose();
    tf.dispose([images, features, same]);
    const squeezenet = await bundledPath("models/squeezenet1_1");
    await assert.rejects(
      loadFeatureNetwork("pictograms-vit", squeezenet),
      /image_size: expected a whole number/,
    );
  }));
