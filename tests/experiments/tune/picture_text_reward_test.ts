import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { rewardLossAndGradient } from "../../../src/adt/reward.ts";
import { bundledPath } from "../../../src/data/bundled.ts";
import { loadPictograms, PICTOGRAM_SIZE } from "../../../src/data/pictograms.ts";
import { conceptTexts } from "../../../src/experiments/evaluate/concept_texts.ts";
import { comparePictureText } from "../../../src/experiments/evaluate/pipeline_extras.ts";
import { pictureTextReward } from "../../../src/experiments/tune/picture_text_reward.ts";
import { extractFeatures } from "../../../src/metrics/features/extract_features.ts";
import { loadFeatureNetwork } from "../../../src/metrics/features/networks.ts";
import { preparedBatch } from "../../../src/metrics/features/pixel_features.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";
import { random, take } from "../../tensor/parity.ts";

await startTestEngine();

const COUNT = 6, BYTES = PICTOGRAM_SIZE ** 2 * 3;

Deno.test("pictureTextReward() is the picture-text cosine that evaluations report, and its gradient is its derivative", () =>
  noLeak(async () => {
    const { images: bytes, facts } = await loadPictograms("search");
    const indices = Array.from({ length: COUNT }, (_, i) => 150 * i);
    const images = tf.tidy(() =>
      tf.tensor4d(
        indices.flatMap((i) => [...bytes.subarray(i * BYTES, (i + 1) * BYTES)]),
        [COUNT, PICTOGRAM_SIZE, PICTOGRAM_SIZE, 3],
      ).div(127.5).sub(1)
    ) as tf.Tensor4D;
    const opened = await pictureTextReward("search"), wanted = opened.wanted(indices);
    const [rewards] = await take(tf.tidy(() => opened.reward(images, wanted)));

    const pixels = indices.map((i) => ({
      width: PICTOGRAM_SIZE,
      height: PICTOGRAM_SIZE,
      data: bytes.subarray(i * BYTES, (i + 1) * BYTES),
    }));
    const eyes = await loadFeatureNetwork("squeezenet", await bundledPath("models/squeezenet1_1"));
    const prepared = preparedBatch(pixels, eyes.preparation);
    const features = await extractFeatures(eyes.features, prepared);
    prepared.dispose();
    eyes.dispose();
    const compared = await comparePictureText(
      { samples: features, real: features },
      await conceptTexts(indices.map((i) => facts[i]!)),
      indices.map((_, picture) => ({ picture, text: "" })),
      0,
    );
    assertClose(rewards!, compared.values.cosine!, { absolute: 0.01 });

    // on flat colours the largest of a window is many; a little noise tells them apart
    const rough = tf.tidy(() => images.add(random([...images.shape], 4).mul(0.2)));
    const { loss: value, gradImage } = rewardLossAndGradient(opened.reward, rough, wanted);
    const direction = tf.tidy(() => {
      const [r, g] = [random([...images.shape], 5), gradImage].map((x) => x.div(x.norm()));
      return r!.mul(0.2).add(g!);
    });
    const loss = async (h: number) => {
      const [values] = await take(
        tf.tidy(() => opened.reward(rough.add(direction.mul(h)), wanted).mean().neg()),
      );
      return values![0]!;
    };
    const h = 1e-3, slope = (await loss(h) - await loss(-h)) / (2 * h);
    const [expected] = await take(tf.tidy(() => gradImage.mul(direction).sum()));
    assertClose([slope], [expected![0]!], { relative: 0.02 });
    assert.ok(expected![0]! > 1e-4);
    tf.dispose([value, images, rough, wanted, gradImage, direction]);
    opened.dispose();
  }));
