import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { augmentationTensors, digitsAugmentation, drawAugmentation } from "../../src/adt/augmentation.ts";
import { twinDiscriminator } from "../../src/adt/discriminator.ts";
import type { FeatureExtractor } from "../../src/models/feature_extractor.ts";
import {
  adversarialLossAndGradient,
  type Adversary,
  type AugmentedImages,
  discriminatorLossAndGradient,
} from "../../src/adt/discriminator_gradients.ts";
import {
  ADVERSARIAL_LOSSES,
  type AdversarialLoss,
  SCORE_KINDS,
  type ScoreKind,
} from "../../src/adt/kinds.ts";
import { initParams } from "../../src/nn/declare.ts";
import { normal } from "../../src/runtime/random.ts";
import { compile } from "../../src/tensor/compile.ts";
import type { Params } from "../../src/tensor/params.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

const noise = (shape: number[], sample: number) =>
  tf.tensor(normal({ seed: 9, purpose: "test", step: 0, sample }, tf.util.sizeFromShape(shape)), shape);

/** Two patch grids, [B,6,6,5] and [B,3,3,4], of images [B,12,12,3]. */
const tinyExtractor = (weights: Params): FeatureExtractor => ({
  patchGrids(images) {
    const first = tf.conv2d(images as tf.Tensor4D, weights["backbone.0"] as tf.Tensor4D, 2, "same").tanh();
    return [first, tf.conv2d(first as tf.Tensor4D, weights["backbone.1"] as tf.Tensor4D, 2, "same").tanh()];
  },
});
const backbone = (): Params => ({
  "backbone.0": noise([3, 3, 3, 5], 100).mul(0.3),
  "backbone.1": noise([3, 3, 5, 4], 101).mul(0.3),
});
const discriminatorOf = (score: ScoreKind) =>
  twinDiscriminator({ score, channels: [5, 4], width: 6, embedding: 8 });

function setUp(score: ScoreKind, loss: AdversarialLoss) {
  const discriminator = discriminatorOf(score);
  const adversary: Adversary = { discriminator, extractor: tinyExtractor(backbone()), loss, fill: -1 };
  return { adversary, heads: initParams(discriminator.declarations, 1) };
}

/** Images under an augmentation of their own. */
function augmented(images: tf.Tensor, purpose: string): AugmentedImages {
  const [count, ...shape] = images.shape as [number, number, number, number];
  const samples = Array.from({ length: count }, (_, i) => i);
  const drawn = drawAugmentation({ seed: 2, purpose, step: 0 }, samples, shape, digitsAugmentation);
  return { images, augmentation: augmentationTensors(drawn) };
}

const images = (sample: number, batch = 3) => noise([batch, 12, 12, 3], sample).mul(0.5);

/** Derivative of f at 0; the step is small because the leaky ReLUs' kinks lie close together. */
const slope = (f: (h: number) => tf.Tensor, h = 3e-4) =>
  (f(h).dataSync()[0]! - f(-h).dataSync()[0]!) / (2 * h);

const inner = (a: Params, b: Params) =>
  Object.keys(a).reduce((sum, name) => sum + a[name]!.mul(b[name]!).sum().dataSync()[0]!, 0);

for (const score of SCORE_KINDS) {
  for (const loss of ADVERSARIAL_LOSSES) {
    Deno.test(`gradients agree with finite differences: score ${score}, loss ${loss}`, async () => {
      await noLeak(() =>
        tf.tidy(() => {
          const { adversary, heads } = setUp(score, loss);
          const generated = augmented(images(0), "generated"), real = augmented(images(1), "real");
          const positive = augmented(real.images, "positive");

          const { gradImage } = adversarialLossAndGradient(adversary, heads, generated, real);
          assert.deepEqual(gradImage.shape, [3, 12, 12, 3]);
          for (const direction of [gradImage.div(gradImage.norm()), noise(gradImage.shape, 5)]) {
            const along = (h: number) => {
              const moved = { ...generated, images: generated.images.add(direction.mul(h)) };
              return adversarialLossAndGradient(adversary, heads, moved, real).loss;
            };
            const expected = gradImage.mul(direction).sum().dataSync()[0]!;
            assertClose([expected], [slope(along)], { relative: 0.02, absolute: 5e-4 });
          }

          const batch = { generated, real, positive };
          const { gradients } = discriminatorLossAndGradient(adversary, heads, batch);
          const random = Object.fromEntries(
            Object.entries(heads).map(([name, w], i) => [name, noise(w.shape, 10 + i).mul(0.1)]),
          );
          for (const direction of [gradients, random]) {
            const along = (h: number) => {
              const moved = Object.fromEntries(
                Object.entries(heads).map(([name, w]) => [name, w.add(direction[name]!.mul(h))]),
              );
              return discriminatorLossAndGradient(adversary, moved, batch).loss;
            };
            assertClose([inner(gradients, direction)], [slope(along)], {
              relative: 0.02,
              absolute: 5e-4,
            });
          }
        })
      );
    });
  }
}

Deno.test("a trainable backbone gets its gradient with the heads", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      const { adversary, heads } = setUp("relativistic", "softplus");
      const trainable = { ...adversary, extractor: tinyExtractor };
      const weights: Params = { ...heads, ...backbone(), "backbone.unused": tf.ones([2]) };
      const batch = { generated: augmented(images(0), "generated"), real: augmented(images(1), "real") };
      const { gradients, loss } = discriminatorLossAndGradient(trainable, weights, batch);
      const frozen = discriminatorLossAndGradient(adversary, heads, batch);
      assertClose(loss, frozen.loss, { relative: 1e-6 });
      for (const name of Object.keys(heads)) {
        assertClose(gradients[name]!, frozen.gradients[name]!, { relative: 1e-4, absolute: 1e-6 });
      }
      const name = "backbone.0", direction = noise(weights[name]!.shape, 7);
      const along = (h: number) => {
        const moved = { ...weights, [name]: weights[name]!.add(direction.mul(h)) };
        return discriminatorLossAndGradient(trainable, moved, batch).loss;
      };
      const expected = gradients[name]!.mul(direction).sum().dataSync()[0]!;
      assertClose([expected], [slope(along)], { relative: 0.02, absolute: 5e-4 });
      assert.deepEqual([...gradients["backbone.unused"]!.dataSync()], [0, 0]);
    })
  );
});

Deno.test("equal images have the highest cosine, no difference, and no relativistic lead", () => {
  tf.tidy(() => {
    const scoreOf = (score: ScoreKind, a: tf.Tensor, b: tf.Tensor) => {
      const { adversary, heads } = setUp(score, "hinge"), { discriminator } = adversary;
      const branch = (x: tf.Tensor) => discriminator.branch(heads, tinyExtractor(backbone()).patchGrids(x));
      return discriminator.score(heads, branch(a), branch(b));
    };
    const a = images(0), b = images(1);
    assertClose(scoreOf("cosine", a, a), [2, 2, 2], { relative: 1e-5 }); // 4·1 − 2
    assert.ok(scoreOf("cosine", a, b).max().dataSync()[0]! < 1.99);
    assertClose(scoreOf("difference", a, a), [1, 1, 1], { relative: 1e-6 }); // the offset
    assertClose(scoreOf("relativistic", a, a), [0, 0, 0], { absolute: 1e-6 });
    for (const score of ["cosine", "difference"] as const) {
      assertClose(scoreOf(score, a, b), scoreOf(score, b, a), { relative: 1e-5 });
    }
    assertClose(scoreOf("relativistic", a, b), scoreOf("relativistic", b, a).neg(), { relative: 1e-5 });
    assertClose(scoreOf("single", a, a), scoreOf("single", a, b), { absolute: 0 });
  });
});

Deno.test("a score does not change when a head's filters are scaled", () => {
  tf.tidy(() => {
    const { adversary, heads } = setUp("single", "hinge");
    const scaled = Object.fromEntries(
      Object.entries(heads).map(([name, w]) => [name, name.endsWith(".weight") ? w.mul(3) : w]),
    );
    const pair = [augmented(images(0), "generated"), augmented(images(1), "real")] as const;
    const score = (weights: Params) => adversarialLossAndGradient(adversary, weights, ...pair).score;
    assertClose(score(scaled), score(heads), { relative: 1e-5 });
  });
});

Deno.test("the generator's gradient reaches every pixel that augmentation keeps", () => {
  tf.tidy(() => {
    const { adversary, heads } = setUp("relativistic", "hinge");
    const pair = [{ images: images(0), augmentation: {} }, { images: images(1), augmentation: {} }] as const;
    const { gradImage } = adversarialLossAndGradient(adversary, heads, ...pair);
    assert.ok(gradImage.abs().min().dataSync()[0]! > 0);
  });
});

Deno.test("compiled gradients equal the plain ones", async () => {
  for (const score of SCORE_KINDS) {
    const { adversary, heads } = setUp(score, "hinge");
    const generated = augmented(images(0), "generated"), real = augmented(images(1), "real");
    const batch = { generated, real, positive: augmented(real.images, "positive") };
    const forGenerator = (heads: Params, g: AugmentedImages, r: AugmentedImages) =>
      adversarialLossAndGradient(adversary, heads, g, r);
    const forDiscriminator = (heads: Params, b: typeof batch) =>
      discriminatorLossAndGradient(adversary, heads, b);
    const compiled = [compile(forGenerator), compile(forDiscriminator)] as const;
    await noLeak(() => {
      tf.tidy(() => {
        const a = compiled[0](heads, generated, real), e = forGenerator(heads, generated, real);
        assertClose(a.gradImage, e.gradImage, { relative: 1e-4 });
        const ad = compiled[1](heads, batch), ed = forDiscriminator(heads, batch);
        assertClose(ad.loss, ed.loss, { relative: 1e-5 });
        for (const name of Object.keys(heads)) {
          assertClose(ad.gradients[name]!, ed.gradients[name]!, { relative: 1e-4, absolute: 1e-6 });
        }
      });
      compiled.forEach((f) => f.dispose());
    });
  }
});

Deno.test("wrong patch grids and a missing positive pair are errors that say what to do", () => {
  tf.tidy(() => {
    const { adversary, heads } = setUp("cosine", "hinge");
    const pair = { generated: augmented(images(0), "generated"), real: augmented(images(1), "real") };
    assert.throws(() => discriminatorLossAndGradient(adversary, heads, pair), /give batch.positive/);
    assert.throws(
      () => adversary.discriminator.branch(heads, [tf.ones([1, 2, 2, 5])]),
      /gives patch grids of 5 channels, the discriminator was made for 5, 4/,
    );
  });
});

/** "Real" images carry a faint vertical stripe pattern, "generated" ones a horizontal one. */
function faintStripes(vertical: boolean, sample: number): AugmentedImages {
  const stripes = tf.tensor1d(Array.from({ length: 12 }, (_, i) => i % 4 < 2 ? 0.3 : -0.3));
  const pattern = stripes.reshape(vertical ? [1, 1, 12, 1] : [1, 12, 1, 1]);
  return { images: images(sample, 16).add(pattern), augmentation: {} };
}

for (const score of SCORE_KINDS) {
  Deno.test(`thirty steps teach the heads to tell two sets apart: score ${score}`, () => {
    tf.tidy(() => {
      const { adversary, heads } = setUp(score, "hinge");
      const batchOf = (step: number) => ({
        generated: faintStripes(false, 1000 + 3 * step),
        real: faintStripes(true, 1001 + 3 * step),
        positive: faintStripes(true, 1002 + 3 * step),
      });
      const test = (weights: Params) => {
        const { scoreReal, scoreFake, loss } = discriminatorLossAndGradient(adversary, weights, batchOf(99));
        const accuracy = scoreReal.greater(scoreFake).cast("float32").mean().dataSync()[0]!;
        return { accuracy, loss: loss.dataSync()[0]! };
      };
      let weights = heads;
      for (let step = 0; step < 30; step++) {
        const { gradients } = discriminatorLossAndGradient(adversary, weights, batchOf(step));
        weights = Object.fromEntries(
          Object.entries(weights).map(([name, w]) => [name, w.sub(gradients[name]!.mul(0.3))]),
        );
      }
      const before = test(heads), after = test(weights);
      assert.ok(after.accuracy >= 0.9 && after.accuracy > before.accuracy);
      assert.ok(after.loss < before.loss);
    });
  });
}
