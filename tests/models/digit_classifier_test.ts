import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { TrainingState } from "../../src/training/training_state.ts";
import { digitsDataset } from "../../src/data/digits.ts";
import { digitClassifier } from "../../src/models/digit_classifier.ts";
import { initParams } from "../../src/nn/declare.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { type ClassifierTraining, pretrainClassifier } from "../../src/training/pretrain_classifier.ts";
import { loadParams } from "../../src/weights/checkpoint.ts";
import { readConfig } from "../../src/weights/config.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

const tiny = {
  _class_name: "DigitClassifier",
  image_size: 28,
  in_channels: 3,
  channels: [4, 8],
  strides: [2, 2],
  norm_num_groups: 2,
  feature_size: 16,
  num_classes: 10,
};
const views = { rotation: 0.1, scale: 0.1, aspect: 0.1, shear: 0.1, translation: 0.05, contrast: 0.1 };
const training: ClassifierTraining = {
  steps: 4,
  batchSize: 8,
  seed: 5,
  optimizer: {
    lr: 1e-3,
    warmupSteps: 0,
    schedule: "constant",
    betas: [0.9, 0.99],
    eps: 1e-8,
    weightDecay: 0,
    clipNorm: 1,
  },
  emaDecay: 0.9,
  views,
};

Deno.test("the bundled digit classifier recognises at least 98.5 % of the held-out digits", async () => {
  await startTestEngine();
  const folder = fileURLToPath(new URL("../../data/models/digits-classifier", import.meta.url));
  const model = digitClassifier(await readConfig(folder));
  const params = await loadParams(folder, model.declarations), heldOut = await digitsDataset("heldout");
  let right = 0;
  for (let first = 0; first < heldOut.size; first += 500) {
    const { images, labels } = await heldOut.get(Array.from({ length: 500 }, (_, i) => first + i));
    const classes = tf.tidy(() => model.logits(params, images).argMax(1).dataSync());
    right += classes.filter((c, i) => c === labels![i]).length;
    images.dispose();
  }
  assert.ok(right / heldOut.size >= 0.985, `${right} of ${heldOut.size}`);
});

Deno.test("digitClassifier() gives features and logits, together or alone", async () => {
  await startTestEngine();
  const model = digitClassifier(tiny), params = initParams(model.declarations, 0);
  const images = tf.range(0, 2 * 28 * 28 * 3).div(4704).reshape([2, 28, 28, 3]);
  const both = model.forward(params, { images });
  assert.deepEqual([both.features.shape, both.logits.shape], [[2, 16], [2, 10]]);
  assertClose(model.features(params, images), both.features, { absolute: 1e-6 });
  assertClose(model.logits(params, images), both.logits, { absolute: 1e-6 });
});

Deno.test("digitClassifier() names what is wrong with a config", () => {
  assert.throws(
    () => digitClassifier({ ...tiny, _class_name: "UNet", strides: [2], feature_size: 0 }),
    (error) => {
      assert.ok(error instanceof UserError);
      for (const part of [`"UNet" is not supported, only "DigitClassifier"`, "feature_size"]) {
        assert.ok(error.message.includes(part), error.message);
      }
      return true;
    },
  );
  assert.throws(() => digitClassifier({ ...tiny, strides: [2] }), /strides: 1 entries for 2 channels/);
});

Deno.test("pretrainClassifier() gives the same weights when it is stopped and resumed", async () => {
  await startTestEngine();
  const model = digitClassifier(tiny), dataset = await digitsDataset("train");
  const whole = await pretrainClassifier({ model, dataset }, training);
  const stop = new AbortController();
  let held: TrainingState | undefined;
  const first = await pretrainClassifier({ model, dataset }, training, {
    signal: stop.signal,
    onStep(step, _, state) {
      if (step !== 2) return;
      const copy = (x: tf.Tensor1D) => x.clone();
      const { first, second } = state.moments;
      held = {
        weights: copy(state.weights),
        moments: { first: copy(first), second: copy(second) },
        average: copy(state.average),
      };
      stop.abort();
    },
  });
  assert.equal(first.steps, 2);
  const second = await pretrainClassifier({ model, dataset }, training, {
    resume: { state: held!, step: 2 },
  });
  for (const name in whole.params) assertClose(second.params[name]!, whole.params[name]!, { absolute: 0 });
});

Deno.test("a training that fails in the middle leaves no tensors behind", async () => {
  await startTestEngine();
  const model = digitClassifier(tiny), dataset = await digitsDataset("train");
  await noLeak(async () => {
    const onStep = (step: number) => {
      if (step === 2) throw new Error("the disk is full");
    };
    await assert.rejects(pretrainClassifier({ model, dataset }, training, { onStep }), /the disk is full/);
  });
});
