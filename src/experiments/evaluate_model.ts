import type { Scores } from "../metrics/evaluate.ts";
import { formatScores } from "../metrics/format.ts";
import { digitsEvaluator, type EvaluatorOptions } from "./evaluate.ts";
import { type GeneratorSource, loadGenerator } from "./load_generator.ts";

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
