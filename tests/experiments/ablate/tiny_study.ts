import * as tf from "@tensorflow/tfjs";
import { dirname, join } from "node:path";
import { parse } from "@std/yaml";
import type { StudyInput } from "../../../src/experiments/ablate/study_config.ts";
import { stringifyConfig } from "../../../src/experiments/config/config.ts";
import { digitClassifier } from "../../../src/models/digit_classifier.ts";
import { initParams } from "../../../src/nn/declare.ts";
import { saveParams } from "../../../src/weights/checkpoint.ts";
import { withTuning } from "../tune/tiny_tuning.ts";

const CLASSIFIER = {
  _class_name: "DigitClassifier",
  image_size: 28,
  in_channels: 3,
  channels: [4],
  strides: [4],
  norm_num_groups: 2,
  feature_size: 4,
  num_classes: 10,
};

/** Gives a test a study of untrained networks: an untuned arm and two that are tuned for 4 steps, with two seeds. */
export function withStudy(test: (study: StudyInput, file: string) => Promise<void>): Promise<void> {
  return withTuning(async (_, tuning) => {
    const folder = dirname(tuning), classifier = join(folder, "classifier");
    const params = initParams(digitClassifier(CLASSIFIER).declarations, 0);
    await saveParams(classifier, CLASSIFIER, params, { dtype: "F32", kind: "diffusers" });
    tf.dispose(params);
    const study: StudyInput = {
      base: parse(await Deno.readTextFile(tuning)) as Record<string, unknown>,
      arms: {
        untuned: { untuned: true },
        ADT: {},
        "no augmentation": { adt: { discriminator: { augment: false } } },
      },
      references: ["untuned", "ADT"],
      seeds: [0, 1],
      evaluate: { n: 20, classifier },
      output: join(folder, "study"),
    };
    const file = join(folder, "study.yaml");
    await Deno.writeTextFile(file, stringifyConfig(study));
    await test(study, file);
  });
}
