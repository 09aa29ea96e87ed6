import { join } from "node:path";
import type { ScoreTerms } from "../../metrics/scores/evaluate.ts";
import type { ScoreName, Scores } from "../../metrics/scores/scores.ts";
import { isThere } from "../../runtime/files.ts";
import { readTensors, writeTensors } from "../../weights/safetensors.ts";
import type { Evaluator, SampledFeatures } from "../evaluate/evaluate.ts";
import { featuresOf, matrixOf } from "../evaluate/real_digits.ts";
import { type LoadedGenerator, loadGenerator } from "../generate/load_generator.ts";
import type { ImageBatch } from "../report/grids.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { writeJson } from "../runs/write_json.ts";
import { type StudyRun, type Variant, variantName } from "./study.ts";

/** Scores of a run's model, sampled in one way. */
export interface Evaluation {
  variant: Variant;
  scores: Scores;
  terms: ScoreTerms;
  /** Wall time of sampling and scoring. */
  seconds: number;
}

const SCORES = "scores.json";
const FEATURES = "features.safetensors";
const folderOf = ({ evaluations }: StudyRun, variant: Variant) => join(evaluations, variantName(variant));

/** An evaluation that has come to its end and is there as a whole; undefined otherwise. */
export async function readEvaluation(run: StudyRun, variant: Variant): Promise<Evaluation | undefined> {
  const folder = folderOf(run, variant);
  const kept = await readJsonIfThere(join(folder, SCORES)) as Evaluation | undefined;
  if (!kept || !await isThere(join(folder, FEATURES))) return undefined;
  const terms = Object.entries(kept.terms).map(([name, values]) => [name, Float64Array.from(values)]);
  return { ...kept, variant, terms: Object.fromEntries(terms) };
}

/** The first few images of an evaluation, with their classes. */
export async function shownImages(run: StudyRun, variant: Variant): Promise<ImageBatch> {
  const { shown } = await readSampled(join(folderOf(run, variant), FEATURES));
  return shown;
}

/**
 * Scores a model in all ways that a study wants and that are not there yet. What the evaluation network saw is kept beside
 * the scores.
 *
 * @param evaluator asked for only when there is something to do
 */
export async function evaluateRun(
  run: StudyRun,
  weights: string,
  variants: readonly Variant[],
  evaluator: () => Promise<Evaluator>,
): Promise<Evaluation[]> {
  let generator: LoadedGenerator | undefined;
  const evaluations: Evaluation[] = [];
  try {
    for (const variant of variants) {
      const known = await readEvaluation(run, variant);
      if (known) {
        evaluations.push(known);
        continue;
      }
      const { model } = run.config;
      const scheduler = run.arm.untuned && "scheduler" in model ? model.scheduler : undefined;
      generator ??= await loadGenerator({ unet: weights, scheduler, sampler: variant });
      evaluations.push(await evaluate(run, variant, generator, await evaluator()));
    }
    return evaluations;
  } finally {
    generator?.dispose();
  }
}

async function evaluate(
  run: StudyRun,
  variant: Variant,
  generator: LoadedGenerator,
  evaluator: Evaluator,
): Promise<Evaluation> {
  const began = performance.now(), folder = folderOf(run, variant), file = join(folder, FEATURES);
  const label = `${runName(run)}, ${variantName(variant)}`;
  await Deno.mkdir(folder, { recursive: true });
  if (!await isThere(file)) {
    await writeSampled(file, await evaluator.sample(generator.sampledBy(variant), label));
  }
  const sampled = await readSampled(file);
  const { scores, terms } = await evaluator.score(sampled, label);
  const seconds = (performance.now() - began) / 1000;
  const plain = Object.entries(terms).map(([name, values]) => [name, [...values!]] as [ScoreName, number[]]);
  await writeJson(join(folder, SCORES), { variant, scores, terms: Object.fromEntries(plain), seconds });
  return { variant, scores, terms, seconds };
}

/** A run in words. */
export function runName({ arm, seed }: StudyRun): string {
  return seed === null ? arm.name : `${arm.name}, seed ${seed}`;
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
