import type { Command } from "commander";
import { fileURLToPath } from "node:url";
import { startChosenEngine } from "./context.ts";
import { type SamplingOptions, samplingOptions, wholeNumber } from "./options.ts";

interface EvaluateCommandOptions extends SamplingOptions {
  n: number;
  classifier?: string;
  json?: string;
}

const CLASSIFIER = new URL("../../data/models/digits-classifier", import.meta.url);

/** Adds `adt evaluate`. */
export function addEvaluate(program: Command): void {
  const command = program.command("evaluate")
    .summary("score a model of the digits")
    .description(
      "Samples digits from a model and scores them against the 2,000 held-out ones, by a network that took no part in " +
        "any training: FID, KID, precision, recall, density, coverage, class accuracy, and the distance to the training " +
        "set, each with its confidence interval, n, and what real digits score.",
    );
  for (const option of samplingOptions()) command.addOption(option);
  command
    .option("--n <number>", "number of images; compare models at the same n only", wholeNumber(2), 1000)
    .option("--classifier <folder>", "the evaluation network (default: the bundled one)")
    .option("--json <file>", "also write the scores to this file")
    .addHelpText(
      "after",
      "\nExample:\n  deno task adt evaluate --model runs/mine/weights --n 2000 --json scores.json",
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<EvaluateCommandOptions>();
      const { checkParentFolder, writeJson } = await import("../experiments/write_json.ts");
      if (options.json) await checkParentFolder(options.json);
      await startChosenEngine(options);
      const { evaluateModel } = await import("../experiments/evaluate_model.ts");
      const { model, scheduler, sampler, steps, guidanceScale, n, seed } = options;
      const { scores, table } = await evaluateModel({
        unet: model,
        scheduler,
        sampler: { name: sampler, steps, guidance_scale: guidanceScale },
        n,
        seed,
        classifier: options.classifier ?? fileURLToPath(CLASSIFIER),
      });
      console.log(table);
      if (!options.json) return;
      await writeJson(options.json, { model, sampler, steps, guidance_scale: guidanceScale, seed, scores });
    });
}
