import { join } from "node:path";
import { readJsonIfThere } from "../../weights/config.ts";
import { isWhole, readTensors, writeTensors } from "../../weights/safetensors.ts";
import type { ImageBatch } from "../report/grids.ts";
import { writeJson } from "../runs/write_json.ts";
import type { Scored, ScoredModel, StudyScorer } from "./scorer.ts";
import { type StudyRun, type Variant, variantName } from "./study.ts";

/** Scores of a run's model, sampled in one way. */
export interface Evaluation extends Omit<Scored, "shown"> {
  variant: Variant;
  /** Wall time of sampling and scoring. */
  seconds: number;
}

const SCORES = "scores.json";
const SHOWN = "shown.safetensors";
const folderOf = ({ evaluations }: StudyRun, variant: Variant) => join(evaluations, variantName(variant));

/** An evaluation that has come to its end and is there as a whole; undefined otherwise. */
export async function readEvaluation(run: StudyRun, variant: Variant): Promise<Evaluation | undefined> {
  const folder = folderOf(run, variant);
  const kept = await readJsonIfThere(join(folder, SCORES)) as Evaluation | undefined;
  if (!kept || !await isWhole(join(folder, SHOWN))) return undefined;
  const terms = Object.entries(kept.terms).map(([name, values]) => [name, Float64Array.from(values)]);
  return { ...kept, variant, terms: Object.fromEntries(terms) };
}

/** The first few images of an evaluation. */
export async function shownImages(run: StudyRun, variant: Variant): Promise<ImageBatch> {
  const { shown } = await readTensors(join(folderOf(run, variant), SHOWN));
  return { data: Float32Array.from(shown!.data), shape: shown!.shape as [number, number, number, number] };
}

/**
 * Scores a model in all ways that a study wants and that are not there yet.
 *
 * @param scorer asked for only when there is something to do
 */
export async function evaluateRun(
  run: StudyRun,
  weights: string,
  variants: readonly Variant[],
  scorer: () => Promise<StudyScorer>,
): Promise<Evaluation[]> {
  let model: ScoredModel | undefined;
  const evaluations: Evaluation[] = [];
  try {
    for (const variant of variants) {
      const known = await readEvaluation(run, variant);
      if (known) {
        evaluations.push(known);
        continue;
      }
      model ??= await (await scorer()).open(run, weights);
      evaluations.push(await evaluate(run, variant, model));
    }
    return evaluations;
  } finally {
    model?.dispose();
  }
}

async function evaluate(run: StudyRun, variant: Variant, model: ScoredModel): Promise<Evaluation> {
  const began = performance.now(), folder = folderOf(run, variant);
  await Deno.mkdir(folder, { recursive: true });
  const { scores, terms, shown } = await model.score(
    variant,
    `${runName(run)}, ${variantName(variant)}`,
    folder,
  );
  const seconds = (performance.now() - began) / 1000;
  await writeTensors(join(folder, SHOWN), {
    shown: { shape: shown.shape, data: Float32Array.from(shown.data) },
  });
  const plain = Object.fromEntries(Object.entries(terms).map(([name, values]) => [name, [...values]]));
  await writeJson(join(folder, SCORES), { variant, scores, terms: plain, seconds });
  return { variant, scores, terms, seconds };
}

/** A run in words. */
export function runName({ arm, seed }: StudyRun): string {
  return seed === null ? arm.name : `${arm.name}, seed ${seed}`;
}
