import { formatScores } from "../../metrics/scores/format.ts";
import type { Scores } from "../../metrics/scores/scores.ts";
import { type GeneratorSource, loadGenerator } from "../generate/load_generator.ts";
import { digitsEvaluator, type EvaluatorOptions } from "./evaluate.ts";

/** The scores of a digits model's folder, and the same as a table for a terminal. */
export async function evaluateModel(
  options: GeneratorSource & EvaluatorOptions,
): Promise<{ scores: Scores; table: string }> {
  const generator = await loadGenerator(options);
  try {
    const evaluator = await digitsEvaluator(options);
    try {
      const scores = await evaluator.evaluate(generator, options.unet);
      return { scores, table: formatScores([{ name: options.unet, scores }]) };
    } finally {
      evaluator.dispose();
    }
  } finally {
    generator.dispose();
  }
}
