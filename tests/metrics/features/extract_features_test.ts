import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { extractFeatures, extractOutputs } from "../../../src/metrics/features/extract_features.ts";
import { assertClose, noLeak, startTestEngine, steadyTensors } from "../../support.ts";

await startTestEngine();

const network = (images: tf.Tensor4D) => tf.mean<tf.Tensor2D>(images, [1, 2]);

Deno.test("extractFeatures() gives one row per image whatever the batch size, and piles up no tensors", () =>
  steadyTensors(async (after) => {
    const images = tf.randomUniform<tf.Rank.R4>([7, 4, 4, 3], -1, 1),
      expected = network(images),
      seen: number[] = [];
    const features = await extractFeatures(network, images, {
      batchSize: 2,
      onProgress(done) {
        seen.push(done);
        after();
      },
    });
    assert.deepEqual([features.n, features.d, ...seen], [7, 3, 2, 4, 6, 7]);
    assertClose(features.data, expected, { absolute: 1e-6 });
    tf.dispose([images, expected]);
  }));

Deno.test("extractOutputs() takes images from a source and several outputs of one pass", () =>
  noLeak(async () => {
    const source = {
      n: 5,
      batch: (from: number, to: number) => Promise.resolve(tf.fill<tf.Rank.R4>([to - from, 2, 2, 3], from)),
    };
    const outputs = (x: tf.Tensor4D) => ({
      features: network(x),
      double: tf.mul<tf.Tensor2D>(network(x), 2),
    });
    const { features, double } = await extractOutputs(outputs, source, { batchSize: 2 });
    assert.deepEqual([...features.data], [0, 0, 2, 2, 4].flatMap((value) => [value, value, value]));
    assert.deepEqual([...double.data], [...features.data].map((value) => 2 * value));
  }));

Deno.test("extractFeatures() stops between batches when aborted", () =>
  noLeak(async () => {
    const stop = new AbortController(), images = tf.zeros<tf.Rank.R4>([4, 2, 2, 3]);
    const options = { batchSize: 2, onProgress: () => stop.abort(), signal: stop.signal };
    await assert.rejects(extractFeatures(network, images, options), { name: "AbortError" });
    images.dispose();
  }));
