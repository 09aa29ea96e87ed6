import { join } from "node:path";
import { formatPipelineScores } from "../../metrics/scores/pipeline_table.ts";
import { openPipeline } from "../generate/open_pipeline.ts";
import { checkImageOutput } from "../generate/save_images.ts";
import { pipelineEvaluator, type PipelineResult } from "./pipeline_evaluator.ts";
import type { EvaluatePipelineOptions } from "./pipeline_options.ts";
import { promptedReference } from "./prompted_reference.ts";

/** Scores of a pipeline, as data and as a table. */
export interface EvaluatedPipeline {
  /** One, or one for each guidance scale. */
  results: PipelineResult[];
  reference: { name: string; n: number };
  table: string;
}

/**
 * Samples a picture of each of `n` captions of real pictures and scores them against all of these, with progress bars on
 * stderr: by every network Fréchet distance, KID, precision, recall, density and coverage; of pictograms also whether the
 * samples show what was asked for, and whether they are copies of training pictures. With several guidance scales: at each of
 * them, with the same prompts and noise. The same seed gives the same scores again.
 *
 * @throws UserError for a pipeline, LoRA, network or folder that cannot be read, captions that are missing or empty, and a
 * size or sampler that the pipeline does not have; the signal's reason
 */
export async function evaluatePipeline(options: EvaluatePipelineOptions): Promise<EvaluatedPipeline> {
  const reference = await promptedReference(options), { real } = reference;
  const { guidanceScales = [options.guidanceScale], saveImages, ...sampling } = options;
  using stack = new DisposableStack();
  const evaluator = stack.adopt(await pipelineEvaluator(reference, options), (it) => it.dispose());
  const pipeline = stack.adopt(await openPipeline(options, false), (it) => it.dispose());
  const results: PipelineResult[] = [];
  for (const guidanceScale of guidanceScales) {
    const folder = saveImages && guidanceScales.length > 1
      ? join(saveImages, `guidance-${guidanceScale}`)
      : saveImages;
    if (folder) await checkImageOutput(folder);
    results.push(await evaluator.evaluate(pipeline, { ...sampling, guidanceScale, saveImages: folder }));
  }
  const columns = results.map((result) => ({
    name: results.length > 1 ? `w = ${result.sampling.guidanceScale}` : options.pipeline,
    scores: result,
  }));
  return {
    results,
    reference: { name: real.name, n: real.n },
    table: formatPipelineScores(columns, real.name),
  };
}
