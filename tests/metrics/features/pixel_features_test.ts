import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import type { FeatureNetwork } from "../../../src/metrics/features/networks.ts";
import { extractPixelFeatures } from "../../../src/metrics/features/pixel_features.ts";
import { type Pixels, prepareImage } from "../../../src/metrics/features/prepare_image.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";

await startTestEngine();

/** A network whose features are the mean of each colour, and of its square. */
function colours(size: number): FeatureNetwork {
  return {
    preparation: { size, fit: "squash", eightBit: true },
    features: (images) => tf.concat([images.mean([1, 2]), images.square().mean([1, 2])], 1) as tf.Tensor2D,
    dispose() {},
  };
}

const pictures = Array.from({ length: 5 }, (_, i): Pixels => ({
  width: 6,
  height: 4,
  data: Uint8Array.from({ length: 72 }, (_, at) => (37 * at + 101 * i) % 256),
}));

Deno.test("extractPixelFeatures() prepares each picture for each network, in one pass", async () => {
  const asked: number[][] = [], done: number[] = [];
  const batch = (from: number, to: number) => (asked.push([from, to]), pictures.slice(from, to));
  await noLeak(async () => {
    const [small, large] = await extractPixelFeatures([colours(3), colours(8)], { n: 5, batch }, {
      batchSize: 2,
      onProgress: (count) => done.push(count),
    });
    assert.deepEqual(asked, [[0, 2], [2, 4], [4, 5]]);
    assert.deepEqual(done, [0, 2, 4, 5]);
    for (const [features, size] of [[small!, 3], [large!, 8]] as const) {
      assert.deepEqual([features.n, features.d], [5, 6]);
      const last = prepareImage(pictures[4]!, { size, fit: "squash", eightBit: true }).map((v) =>
        v / 127.5 - 1
      );
      const mean = (c: number, power: number) => {
        return last.reduce((sum, value, at) => sum + (at % 3 === c ? value ** power : 0), 0) / size ** 2;
      };
      assertClose(features.data.subarray(24), [0, 1, 2, 3, 4, 5].map((c) => mean(c % 3, c < 3 ? 1 : 2)), {
        absolute: 1e-6,
      });
    }
  });
});

Deno.test("extractPixelFeatures() stops between two batches", async () => {
  const controller = new AbortController();
  const batch = (from: number, to: number) => (controller.abort(), pictures.slice(from, to));
  await assert.rejects(
    extractPixelFeatures([colours(3)], { n: 5, batch }, { batchSize: 2, signal: controller.signal }),
    { name: "AbortError" },
  );
});
