import { join } from "node:path";
import { isThere } from "../../runtime/files.ts";
import { readTensors, writeTensors } from "../../weights/safetensors.ts";
import { digitsEvaluator, type SampledFeatures } from "../evaluate/evaluate.ts";
import { featuresOf, matrixOf } from "../evaluate/real_digits.ts";
import { loadGenerator } from "../generate/load_generator.ts";
import type { StudyScorer } from "./scorer.ts";
import type { DigitsEvaluation } from "./study_evaluation.ts";

const FEATURES = "features.safetensors";

/** Random groups of images: enough for the bootstrap over images. */
const GROUPS = 100;

/** Scores models of the digits. What the evaluation network sees is kept: of real digits in the study's folder. */
export async function digitsScorer(
  evaluation: DigitsEvaluation,
  output: string,
  signal?: AbortSignal,
): Promise<StudyScorer> {
  const evaluator = await digitsEvaluator({
    ...evaluation,
    groups: GROUPS,
    cache: join(output, "real-digits"),
    signal,
  });
  return {
    async open({ arm, config: { model } }, weights) {
      const scheduler = arm.untuned && "scheduler" in model ? model.scheduler : undefined;
      const sampler = { name: "ddim", steps: 1, guidance_scale: 1 } as const; // each way to sample brings its own
      const generator = await loadGenerator({ unet: weights, scheduler, sampler });
      return {
        async score(variant, label, folder) {
          const file = join(folder, FEATURES);
          if (!await isThere(file)) {
            await writeSampled(file, await evaluator.sample(generator.sampledBy(variant), label));
          }
          const sampled = await readSampled(file), { scores, terms } = await evaluator.score(sampled, label);
          return { scores: { ...scores }, terms: { ...terms }, shown: sampled.shown };
        },
        dispose: () => generator.dispose(),
      };
    },
    dispose: () => evaluator.dispose(),
  };
}

async function writeSampled(
  file: string,
  { features, logits, labels, shown }: SampledFeatures,
): Promise<void> {
  await writeTensors(file, {
    features: matrixOf(features),
    logits: matrixOf(logits),
    labels: { shape: [labels.length], data: Int32Array.from(labels) },
    shown: { shape: shown.shape, data: Float32Array.from(shown.data) },
  });
}

async function readSampled(file: string): Promise<SampledFeatures> {
  const { features, logits, labels, shown } = await readTensors(file);
  return {
    features: featuresOf(features!),
    logits: featuresOf(logits!),
    labels: Int32Array.from(labels!.data),
    shown: {
      data: Float32Array.from(shown!.data),
      shape: shown!.shape as [number, number, number, number],
    },
  };
}
