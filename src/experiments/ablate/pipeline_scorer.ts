import type { Pixels } from "../../metrics/features/prepare_image.ts";
import { namedScores, pipelineEvaluator } from "../evaluate/pipeline_evaluator.ts";
import type { PromptedReference } from "../evaluate/prompted_reference.ts";
import { openPipeline, type PipelineSource } from "../generate/open_pipeline.ts";
import { imagesOf } from "../report/grids.ts";
import type { StudyScorer } from "./scorer.ts";
import type { StudyRun } from "./study.ts";
import type { PipelineEvaluation } from "./study_evaluation.ts";

/** Random groups of pictures for the terms: a Fréchet distance of hundreds of features takes long. */
const GROUPS = 40;

/** Pictures that are shown of each model, at most. */
const SHOWN = 20;

/** Scores pipelines on captions and pictures, see `pipelineEvaluator`. */
export async function pipelineScorer(
  reference: PromptedReference,
  { seed, judges, features }: PipelineEvaluation,
  signal?: AbortSignal,
): Promise<StudyScorer> {
  const evaluator = await pipelineEvaluator(reference, { judges, features, seed, groups: GROUPS, signal });
  return {
    async open(run, weights) {
      const pipeline = await openPipeline(sourceOf(run, weights), false);
      return {
        async score({ name: sampler, steps, guidance_scale: guidanceScale }, label) {
          const shown: Pixels[] = [];
          const onPictures = (pictures: readonly Pixels[]) => {
            shown.push(...pictures.slice(0, SHOWN - shown.length));
            return Promise.resolve();
          };
          const options = { sampler, steps, guidanceScale, label, onPictures };
          const { terms, ...result } = await evaluator.evaluate(pipeline, options);
          return { scores: namedScores(result), terms: terms!, shown: imagesOf(shown) };
        },
        dispose: () => pipeline.dispose(),
      };
    },
    dispose: () => evaluator.dispose(),
  };
}

/** The pipeline that a run tuned: itself with a LoRA, or another one. */
function sourceOf({ arm, config: { model } }: StudyRun, weights: string): PipelineSource {
  if (!("pipeline" in model)) throw new Error("pipelineScorer(): the run tunes no pipeline");
  const { pipeline, config_from: configFrom, tune } = model;
  if (arm.untuned) return { pipeline, configFrom };
  return tune === "all" ? { pipeline: weights } : { pipeline, configFrom, lora: weights };
}
