import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { bundledPath } from "../../../src/data/bundled.ts";
import { folderImages } from "../../../src/metrics/features/folder_images.ts";
import { efficientNetLite } from "../../../src/models/efficientnet_lite/efficientnet_lite.ts";
import { loadEfficientNetLiteFeatures } from "../../../src/models/efficientnet_lite/load.ts";
import { normalise, parseNormalisation } from "../../../src/models/feature_extractor.ts";
import { fromNCHW, toNCHW } from "../../../src/models/image_layout.ts";
import { loadNetwork } from "../../../src/models/loaded.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { readJsonObject } from "../../../src/weights/config.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { take } from "../../tensor/parity.ts";
import { configFaults } from "../config_faults.ts";
import { cosines, recorded } from "../recorded.ts";

await startTestEngine();

const FOLDER = await bundledPath("models/efficientnet-lite0");
const ALL_STAGES = [0, 1, 2, 3, 4, 5, 6];
const statistics = parseNormalisation(await readJsonObject(`${FOLDER}/preprocessor_config.json`, ""));

/** Images as the fixture has them, [1,3,H,W] of 0 … 255, → [1,H,W,3] in [-1,1]. */
const fromBytes = (images: tf.Tensor) => fromNCHW(images).div(127.5).sub(1);

const load = () => loadNetwork(FOLDER, "EfficientNetLite", efficientNetLite);

for (const size of ["square", "odd"]) {
  Deno.test(`efficientNetLite() gives PyTorch's stages and logits of an image of ${size} sides`, () =>
    noLeak(async () => {
      const images = await recorded("networks", "images");
      const expected = await recorded("networks", "efficientnet_lite0");
      const { model, params } = await load();
      tf.tidy(() => {
        const pixel_values = normalise(fromBytes(images[size]!), statistics);
        const { logits, hidden_states } = model.forward(params, { pixel_values });
        hidden_states.forEach((stage, i) => {
          assertClose(stage.mean(3), expected[`${size}_stage_${i}_pixels`]!, { relative: 1e-4 });
          assertClose(stage.mean([1, 2]), expected[`${size}_stage_${i}_channels`]!, { relative: 1e-4 });
        });
        assertClose(logits, expected[`${size}_logits`]!, { relative: 1e-4 });
        // rounding to float16 costs so much
        assertClose(logits, expected[`${size}_published_logits`]!, { relative: 0.01 });
      });
      tf.dispose([images, expected, params]);
    }));
}

Deno.test("efficientNetLite() has PyTorch's gradient of the image, through all stages and the logits", () =>
  noLeak(async () => {
    const images = await recorded("networks", "images");
    const expected = await recorded("networks", "efficientnet_lite0");
    const { model, params } = await load();
    const call = (images: tf.Tensor) => {
      const pixel_values = normalise(fromBytes(images), statistics);
      const { logits, hidden_states } = model.forward(params, { pixel_values });
      return tf.concat([...hidden_states.map((stage) => toNCHW(stage).flatten()), logits.flatten()]);
    };
    const { value, grads } = vjp((x) => call(x!), [images.square!], cosines);
    assertClose(grads[0]!, expected.grad_square!, { relative: 1e-4 });
    tf.dispose([images, expected, params, value, grads]);
  }));

Deno.test({
  name: "efficientNetLite() in bfloat16 is as near to float32 as PyTorch's own bfloat16, with its gradient",
  ignore: !onTensorflow(),
  fn: () =>
    noLeak(async () => {
      const { model, params } = await load();
      const forward = (x: tf.Tensor) => model.stages(params, normalise(x, statistics), 2)[1]!;
      const { exact, low, pytorchs } = await inBothPrecisions(forward);
      for (const [i, values] of exact.entries()) {
        const apart = relativeDistance(low[i]!, values);
        assert.ok(
          apart > 0 && apart <= 1.25 * pytorchs[i]!,
          `output ${i}: ${apart}, PyTorch's is ${pytorchs[i]}`,
        );
      }
      tf.dispose(params);
    }),
});

Deno.test({
  name: "a judge's EfficientNet-Lite sees in float32, and gives that gradient, where all else is in bfloat16",
  ignore: !onTensorflow(),
  fn: () =>
    noLeak(async () => {
      const { extractor, params } = await loadEfficientNetLiteFeatures(FOLDER, [1]);
      const { exact, low } = await inBothPrecisions((x) => extractor.patchGrids(x)[0]!);
      for (const [i, values] of exact.entries()) {
        assert.ok(relativeDistance(low[i]!, values) < 1e-5, `output ${i}`);
      }
      tf.dispose(params);
    }),
});

/** A function's value and gradient on the recorded images, in both precisions, and how far PyTorch's bfloat16 is off. */
async function inBothPrecisions(f: (x: tf.Tensor) => tf.Tensor) {
  const images = await recorded("networks", "images"),
    expected = await recorded("networks", "efficientnet_lite0");
  const both = (images: tf.Tensor) => {
    const { value, grads } = vjp((x) => f(x!), [images], tf.onesLike);
    return [value, grads[0]!];
  };
  const x = tf.tidy(() => fromBytes(images.square!)), compiled = compile(both, { precision: "bfloat16" });
  const [exact, low] = [await take(...both(x)), await take(...compiled(x))];
  const pytorchs = await expected.bfloat16!.data();
  compiled.dispose();
  tf.dispose([images, expected, x]);
  return { exact, low, pytorchs };
}

function relativeDistance(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((v, k) => v - b[k]!)) / Math.hypot(...b);
}

Deno.test("efficientNetLite() names what photographs show", () =>
  noLeak(async () => {
    const expected = { fire_engine: 555, spiny_lobster: 123, stethoscope: 823, warplane: 895 };
    const { n, source } = await folderImages(fixture("photographs"));
    const images = await source({ size: 224, fit: "squash", eightBit: true }).batch(0, n);
    const { model, params } = await load();
    const classes = tf.tidy(() =>
      model.forward(params, { pixel_values: normalise(images, statistics) }).logits.argMax(1)
    );
    assert.deepEqual([...await classes.data()], Object.values(expected));
    tf.dispose([images, params, classes]);
  }));

Deno.test("loadEfficientNetLiteFeatures() gives a grid for each stage asked for, of images of any size", () =>
  noLeak(async () => {
    const { extractor, channels, params } = await loadEfficientNetLiteFeatures(FOLDER, ALL_STAGES);
    assert.deepEqual(channels, [16, 24, 40, 80, 112, 192, 320]);
    const sides = (height: number, width: number) =>
      tf.tidy(() =>
        extractor.patchGrids(tf.zeros([1, height, width, 3])).map(({ shape }) => `${shape[1]}x${shape[2]}`)
      );
    assert.deepEqual(sides(64, 64), ["32x32", "16x16", "8x8", "4x4", "4x4", "2x2", "2x2"]);
    assert.deepEqual(sides(17, 30), ["9x15", "5x8", "3x4", "2x2", "2x2", "1x1", "1x1"]);
    tf.dispose(params);
  }));

Deno.test("loadEfficientNetLiteFeatures() refuses stages that are not there", () =>
  noLeak(async () => {
    for (const blocks of [[7], [], [1.5]]) {
      await assert.rejects(
        loadEfficientNetLiteFeatures(FOLDER, blocks),
        /expected some of 0 to 6, the stages of this EfficientNetLite/,
      );
    }
  }));

Deno.test("efficientNetLite() names values of a config that are missing or do not fit", () => {
  const lists = {
    depths: [1, 2],
    hidden_sizes: [8],
    expand_ratios: [1, 6],
    kernel_sizes: [3, 3],
    strides: [1, 2],
  };
  const sizes = { stem_channels: 8, head_channels: 8, num_labels: 2 },
    heading = "EfficientNetLite config.json:";
  assert.deepEqual(configFaults(heading, () => efficientNetLite({ ...lists, ...sizes })), [
    "hidden_sizes: expected 2 numbers, as depths has, got 1",
  ]);
  assert.deepEqual(
    configFaults(heading, () => efficientNetLite({ ...lists, stem_channels: 0, num_labels: 2 })),
    [
      "stem_channels: expected a whole number of at least 1, got 0",
      "head_channels: expected a whole number of at least 1, got undefined",
    ],
  );
});
