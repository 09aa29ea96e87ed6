import { promptedReference } from "../evaluate/prompted_reference.ts";
import { digitsScorer } from "./digits_scorer.ts";
import { pipelineScorer } from "./pipeline_scorer.ts";
import type { StudyScorer } from "./scorer.ts";
import type { Study } from "./study.ts";

/** Prepares to score a study's models: class-conditional UNets of the digits, or pipelines. */
export async function studyScorer({ evaluate, output }: Study, signal?: AbortSignal): Promise<StudyScorer> {
  if (!evaluate) throw new Error("studyScorer(): the study scores nothing");
  if (evaluate.kind !== "pipelines") return await digitsScorer(evaluate, output, signal);
  const { split, n, seed } = evaluate;
  return await pipelineScorer(await promptedReference({ reference: split, n, seed }), evaluate, signal);
}
