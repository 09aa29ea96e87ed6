import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { bundledPath } from "../../../src/data/bundled.ts";
import { folderImages } from "../../../src/metrics/features/folder_images.ts";
import { normalise, parseNormalisation } from "../../../src/models/feature_extractor.ts";
import { fromNCHW } from "../../../src/models/image_layout.ts";
import { loadNetwork } from "../../../src/models/loaded.ts";
import { squeezeNet } from "../../../src/models/squeezenet/squeezenet.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { readJsonObject } from "../../../src/weights/config.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { cosines, recorded } from "../recorded.ts";

await startTestEngine();

const FOLDER = await bundledPath("models/squeezenet1_1");
const statistics = parseNormalisation(await readJsonObject(`${FOLDER}/preprocessor_config.json`, ""));
const load = () => loadNetwork(FOLDER, "SqueezeNet", squeezeNet);

/** Images as the fixture has them, [1,3,H,W] of 0 … 255, → [1,H,W,3] as the network takes them. */
const pixels = (images: tf.Tensor) => normalise(fromNCHW(images).div(127.5).sub(1), statistics);

for (const size of ["square", "odd"]) {
  Deno.test(`squeezeNet() gives PyTorch's features and logits of an image of ${size} sides`, () =>
    noLeak(async () => {
      const images = await recorded("networks", "images");
      const expected = await recorded("networks", "squeezenet1_1");
      const { model, params } = await load();
      tf.tidy(() => {
        const { features, logits } = model.forward(params, { pixel_values: pixels(images[size]!) });
        assertClose(features, expected[`${size}_features`]!, { relative: 1e-4 });
        assertClose(logits, expected[`${size}_logits`]!, { relative: 1e-4 });
        // rounding to float16 costs so much
        assertClose(logits, expected[`${size}_published_logits`]!, { relative: 2e-3 });
      });
      tf.dispose([images, expected, params]);
    }));
}

Deno.test("squeezeNet() has PyTorch's gradient of the image", () =>
  noLeak(async () => {
    const images = await recorded("networks", "images");
    const expected = await recorded("networks", "squeezenet1_1");
    const { model, params } = await load();
    const call = (images: tf.Tensor) => {
      const { features, logits } = model.forward(params, { pixel_values: pixels(images) });
      return tf.concat([features.flatten(), logits.flatten()]);
    };
    const { value, grads } = vjp((x) => call(x!), [images.square!], cosines);
    assertClose(grads[0]!, expected.grad_square!, { relative: 1e-4 });
    tf.dispose([images, expected, params, value, grads]);
  }));

Deno.test("squeezeNet() has what photographs show among its first five", () =>
  noLeak(async () => {
    // lobsters and crayfish are one to it
    const expected = {
      fire_engine: [555],
      spiny_lobster: [122, 123, 124],
      stethoscope: [823],
      warplane: [895],
    };
    const { n, source } = await folderImages(fixture("photographs"));
    const images = await source({ size: 160, fit: "squash", eightBit: true }).batch(0, n);
    const { model, params } = await load();
    const indices = tf.tidy(() =>
      tf.topk(model.forward(params, { pixel_values: normalise(images, statistics) }).logits, 5).indices
    );
    const first = await indices.array() as number[][];
    Object.entries(expected).forEach(([name, labels], i) =>
      assert.ok(labels.some((label) => first[i]!.includes(label)), `${name} is not among ${first[i]}`)
    );
    tf.dispose([images, params, indices]);
  }));

Deno.test("squeezeNet() refuses another version", () => {
  assert.throws(
    () => squeezeNet({ version: "1_0", num_labels: 1000 }),
    /version: "1_0" is not supported, only "1_1"/,
  );
});
